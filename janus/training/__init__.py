"""Training the demo model: a ViT-Tiny from nothing, on pictures that are rendered while it learns."""

from janus.training.loop import Progress, train
from janus.training.recipe import RECIPES, Recipe, Stage

__all__ = ["RECIPES", "Progress", "Recipe", "Stage", "train"]
