"""The daily report: tables in, one HTML file out. Nothing is read or written, and the page needs no network."""

from resources.report.page import described, report_page
from resources.report.report_input import Judged, ReportInput, Source

__all__ = ["Judged", "ReportInput", "Source", "described", "report_page"]
