"""What is measured: the arrays in which workers count, every Prometheus name, and how a scrape is written.

Workers import `blocks` only, which is small. Begin with `names.METRICS`.
"""
