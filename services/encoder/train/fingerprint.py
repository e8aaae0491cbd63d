"""What a training run depends on: what another run has kept must not be taken for its own."""

import hashlib
from pathlib import Path

RECIPE = Path(__file__).parent


def fingerprint(data: Path, seed: int, device: str) -> str:
    """A short name of the recipe, its packages, the data, the seed and the device together.

    How much is read, and by which teachers, depends on the device.
    """
    digest = hashlib.sha256(f"{seed} {device}".encode())
    for path in [
        *sorted(RECIPE.glob("*.py")),
        *sorted((RECIPE / "annotations").iterdir()),
        RECIPE / "requirements.txt",
    ]:
        digest.update(path.read_bytes())
    for path in sorted(path for path in data.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(data)).encode() + path.read_bytes())
    return digest.hexdigest()[:12]
