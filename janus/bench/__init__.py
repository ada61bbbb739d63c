"""Benches: what is compared is timed in turn in one run, and reported as ratios."""
