"""What a device can do, and what to set because of it: transfers, throughput, memory, recommendations, a report.

Needs neither Dagster nor pandas; torch and CuPy are imported when something is measured.
"""
