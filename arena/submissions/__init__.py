"""Submissions: uploads, quota, the queue outbox, verdicts."""
