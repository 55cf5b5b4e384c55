"""The leaderboard: static pages made from validated records and nothing else."""

from ganqbench.site.build import SiteReport, build
from ganqbench.site.load import Fault

__all__ = ["Fault", "SiteReport", "build"]
