"""The web side: pages, REST API, command line, and the scribe that records verdicts. Never imports graders."""

__version__ = "0.1.0"
