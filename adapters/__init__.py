"""Adapters: one quantization backend per file."""
