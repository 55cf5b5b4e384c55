"""Records: what one cell produced, as strict, canonical, hashed JSON."""
