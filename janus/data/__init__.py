"""Image sets: folders, and any `datasets` image set by name and pinned revision, in one fixed and fair order."""

from janus.data.pictures import Entry, ImageSet, Picture, Skipped, decode
from janus.data.source import DEFAULT_IMAGES, open_images

__all__ = ["DEFAULT_IMAGES", "Entry", "ImageSet", "Picture", "Skipped", "decode", "open_images"]
