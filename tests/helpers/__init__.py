"""What tests share besides fixtures: tiny models, data and configs, golden arrays."""

from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
