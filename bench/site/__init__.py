"""The leaderboard: static pages made from validated records and nothing else."""

from ganqbench.site.build import SiteReport, build

__all__ = ["SiteReport", "build"]
