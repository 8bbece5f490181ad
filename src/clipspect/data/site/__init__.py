"""A synthetic inspection site: drone photos of an embankment with YOLO labels, made from nothing but a seed.

It is the demo, a test fixture and the documentation's data. `plan` says what is where, `look` in which season and
light, `strip` paints it from above, `camera` takes photos and labels them, `make` writes files.
"""

from clipspect.data.site.make import GROUPS_REGEX, make_site, render_scene
from clipspect.data.site.plan import NAMES

__all__ = ["GROUPS_REGEX", "NAMES", "make_site", "render_scene"]
