"""Pictures of eight shapes, drawn by formula: random place, size, turn and colours, and noise."""
import numpy as np

CLASSES = ("disc", "ring", "square", "frame", "triangle", "cross", "stripes", "checks")
SIDE = 24


def render(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """uint8 images [count, SIDE, SIDE, 3] and int64 labels [count]; the same for the same seed."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(CLASSES), count)
    row, column = np.mgrid[:SIDE, :SIDE][:, None].astype(np.float32)

    def drawn(low, high):
        return rng.uniform(low, high, (count, 1, 1)).astype(np.float32)

    size, turn = drawn(5.5, 9.5), drawn(-0.4, 0.4)
    dy, dx = row - drawn(9, 15), column - drawn(9, 15)
    u, v = (np.cos(turn) * dx + np.sin(turn) * dy) / size, (np.cos(turn) * dy - np.sin(turn) * dx) / size
    radius, box = np.hypot(u, v), np.maximum(np.abs(u), np.abs(v))
    masks = (radius < 1, (radius < 1) & (radius > 0.6), box < 0.85, (box < 0.9) & (box > 0.55),
             (v < 0.7) & (2 * np.abs(u) < v + 1.0), (np.minimum(np.abs(u), np.abs(v)) < 0.25) & (box < 1),
             (box < 0.9) & (np.floor(u * 3.3) % 2 == 0), (box < 0.9) & ((np.floor(u * 2.2) + np.floor(v * 2.2)) % 2 == 0))
    mask = np.choose(labels[:, None, None], masks)[..., None].astype(np.float32)
    ink, ground = rng.uniform(0, 1, (2, count, 1, 1, 3)).astype(np.float32)
    ink = np.where(np.abs(ink - ground).max(-1, keepdims=True) < 0.35, (ground + 0.5) % 1.0, ink)
    pictures = mask * ink + (1 - mask) * ground + rng.normal(0, 0.1, (count, SIDE, SIDE, 3)).astype(np.float32)
    return (np.clip(pictures, 0, 1) * 255).astype(np.uint8), labels.astype(np.int64)
