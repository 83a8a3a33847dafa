"""Operations: what an administrator sees and does: queue, graders, failures, datasets."""
