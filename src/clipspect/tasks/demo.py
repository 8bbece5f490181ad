"""`clipspect demo`: the whole way on a synthetic site, offline, with a report at the end."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from clipspect.config import DataSettings, EncoderSettings, Settings
from clipspect.data.site import GROUPS_REGEX, make_site
from clipspect.encode import available
from clipspect.tasks import runs
from clipspect.tasks.evaluate import evaluate
from clipspect.tasks.fit import fit
from clipspect.tasks.inspect import inspect
from clipspect.tasks.ui import Silent, Ui

_MINE = ("site", "run", "evaluation", "inspected")


def demo(
    out: Path,
    *,
    encoder: str | None = None,
    photos: int = 90,
    seed: int = 0,
    overwrite: bool = False,
    command: str = "clipspect demo",
    ui: Ui | None = None,
) -> Path:
    """Build a synthetic site, fit, evaluate on its test lines and inspect them.

    Args:
        out: Folder to make: site/, run/, evaluation/, inspected/.
        encoder: Id; by default `starter` where it is installed, else `fake`.
        photos: How many photos the site has.
        seed: Of the site and of everything after it.
        overwrite: Replace an existing `out`.
        command: As it stands in the reports.
        ui: Where notes and progress go.

    Returns:
        The inspection's report.html.
    """
    ui = ui or Silent()
    runs.prepare(out, overwrite=overwrite, resume=False, done="inspected/inspections.json")
    runs.clear(out, _MINE)
    ready = {s.usage: s for s in available()}
    encoder = encoder or ("starter" if ready["starter"].loadable else "fake")
    if encoder == "fake":
        ui.warn("encoder 'fake' stands in: install clipspect[fit] for one that has seen pictures")
    settings = dataclasses.replace(
        Settings(), seed=seed, data=DataSettings(groups=GROUPS_REGEX), encoder=EncoderSettings(id=encoder)
    )
    ui.say(f"1/4 drawing a synthetic embankment: {photos} photos")
    data = make_site(out / "site", photos=photos, seed=seed)
    ui.say("2/4 fitting on train and valid")
    run = fit(data, out=out / "run", settings=settings, command=command, ui=ui)
    ui.say("3/4 evaluating on the flight lines of test")
    evaluate(run, data, out=out / "evaluation", settings=settings, command=command, ui=ui)
    ui.say("4/4 inspecting the photos of test")
    inspect(run, [data.parent / "test" / "images"], out=out / "inspected", command=command, ui=ui)
    ui.say(f"figures: {out / 'run' / 'report.html'} and {out / 'evaluation' / 'report.html'}")
    return out / "inspected" / "report.html"
