"""Models that participants send: what a guest asks of one, and what a grader makes of its outputs.

    grader                                      guest (sandbox)
    running ── Ask ───────────────────────────▶ opens the upload (graph, archive, header, formats)
            ◀── frame 1: faults, or costs ───── tries it on random inputs (trying, timing)
    plan    ── hidden inputs ─────────────────▶ serving
    outputs ◀── frame 2: arrays, no text ──────

Before frame 1 the guest knows nothing that is hidden, so that its words may reach the participant. After it, none do:
a model could tell hidden inputs through them. Nothing here imports torch or a runtime; the guests do.
"""
