import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from clipspect.report.html import (
    GalleryItem,
    InspectedPhoto,
    InspectionReport,
    LadderRow,
    RunReport,
    render_inspections,
    render_run,
    stream_inspections,
)
from clipspect.report.inspection_view import urgency
from clipspect.report.pictures import encode_jpeg
from clipspect.report.run_view import MAX_RIGHT, MAX_WRONG
from clipspect.types import Problem

from .records import HOSTILE, abstention, broken, decision, grass, inspection, metrics, vegetation

JPEG = encode_jpeg(grass(16, 16))
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """All tags, text and attributes of a page; fails where tags do not close in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def text(self):
        return re.sub(r"[\s\u00a0\u202f]+", " ", " ".join(self.texts))


def run_report(**changes):
    values = {
        "title": "Embankment",
        "subtitle": "starter, linear",
        "command": "clipspect fit data --out runs/a",
        "versions": {"clipspect": "0.1.0"},
        "created": "2026-07-01T10:00:00Z",
        "metrics": metrics(),
        "ladder": (
            LadderRow("per-type majority", 0.67, 0.6, 0.74),
            LadderRow("linear head", 0.76, 0.7, 0.81, 0.09, 0.048, 0.131, "accepted", "better by more than chance"),
            LadderRow("GDA", None, verdict="refused", reason="not fitted"),
        ),
        "gallery": (
            GalleryItem(JPEG, "a.jpg", "slope drain", "slope drain", 0.9, True),
            GalleryItem(JPEG, "b.jpg", "slope drain", "slope drain blocked", 0.8, False),
        ),
        "quarantined": (Problem("labels/a.txt", 3, "class-out-of-range", "expected 0 to 8, got 9"),),
        "notes": ("unknown key",),
        "dataset": {"photos": 134, "boxes": 751, "per_class": {"slope drain": 300}},
        "naive": {"accuracy": 0.795},
        "group_noun": "flight lines",
    }
    return RunReport(**(values | changes))


def inspection_report(*photos, **changes):
    values = {"title": "Inspection", "command": "clipspect inspect", "versions": {}, "created": "2026-07-01"}
    return InspectionReport(photos=photos, **(values | changes))


def pages():
    yield render_run(run_report())
    yield render_run(run_report(metrics={}, ladder=(), gallery=(), quarantined=(), notes=(), dataset={}, naive=None))
    photo = InspectedPhoto(inspection(decision(), abstention(), vegetation()), jpeg=JPEG)
    yield render_inspections(inspection_report(photo, InspectedPhoto(broken()), notes=("a note",)))
    yield render_inspections(inspection_report())


@pytest.mark.parametrize("text", tuple(pages()), ids=("run", "empty-run", "inspection", "empty-inspection"))
def test_a_report_is_one_file_that_loads_and_runs_nothing(text):
    page = Page(text)
    assert not {"script", "link", "iframe", "object", "base", "form"} & {tag for tag, _ in page.tags}
    for _, attrs in page.tags:
        assert not any(name.startswith("on") for name in attrs)
        assert attrs.get("src", "data:image/jpeg;base64,").startswith("data:image/jpeg;base64,")
        assert attrs.get("href", "#").startswith("#")
    assert "//" not in text.replace("http://www.w3.org/2000/svg", "").split("</style>")[0]
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", text)
    (policy,) = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")


@pytest.mark.parametrize("text", tuple(pages()), ids=("run", "empty-run", "inspection", "empty-inspection"))
def test_a_report_is_accessible(text):
    page = Page(text)
    assert page.all("html") == [{"lang": "en"}]
    assert all(image.get("alt") for image in page.all("img"))
    assert all(header.get("scope") in ("col", "row", "rowgroup") for header in page.all("th"))
    assert all("aria-hidden" in svg or svg.get("aria-label") for svg in page.all("svg"))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {link["href"].removeprefix("#") for link in page.all("a")} <= set(ids)


def test_hostile_text_is_escaped_everywhere_in_a_run_report():
    hostile = metrics()
    hostile["classes"][0] |= {"name": HOSTILE, "object_type": HOSTILE, "condition": HOSTILE}
    hostile["per_class"] = {HOSTILE: hostile["per_class"]["slope drain"] | {"object_type": HOSTILE}, "b": {"n": 1}}
    hostile["per_condition"] = hostile["per_object_type"] = {HOSTILE: {"n": 3, "accuracy": 0.5, "recall": 0.4}}
    hostile["spatial"]["per_relation"] = {HOSTILE: {"n": 3, "accuracy": 0.5}}
    hostile["confusion"]["classes"][0] = hostile["joint_confusion"]["classes"][0] = HOSTILE
    text = render_run(
        RunReport(
            title=HOSTILE, subtitle=HOSTILE, command=HOSTILE, versions={HOSTILE: HOSTILE}, created=HOSTILE,
            metrics=hostile, ladder=(LadderRow(HOSTILE, 0.5, verdict=HOSTILE, reason=HOSTILE),),
            gallery=(GalleryItem(JPEG, HOSTILE, HOSTILE, HOSTILE, 0.5, False),),
            quarantined=(Problem(HOSTILE, 1, HOSTILE, HOSTILE),), notes=(HOSTILE,),
            dataset={HOSTILE: HOSTILE, "per_class": {HOSTILE: 3}}, naive={"accuracy": 0.8, "what": HOSTILE},
            group_noun=HOSTILE,
        )
    )  # fmt: skip
    page = Page(text)
    assert not page.all("script")
    assert all("onerror" not in attrs for _, attrs in page.tags)
    assert text.count("&lt;script&gt;") > 20


def test_hostile_text_is_escaped_everywhere_in_an_inspection_report():
    photo = inspection(decision(object_type=HOSTILE, condition=HOSTILE), abstention(), photo=HOSTILE)
    report = inspection_report(
        InspectedPhoto(photo, picture=HOSTILE), InspectedPhoto(broken(HOSTILE)), title=HOSTILE, command=HOSTILE,
        versions={HOSTILE: HOSTILE}, notes=(HOSTILE,), quarantined=(Problem(HOSTILE, 1, HOSTILE, HOSTILE),),
    )  # fmt: skip
    page = Page(render_inspections(report))
    assert not page.all("script")
    assert all("onerror" not in attrs for _, attrs in page.tags)


def test_the_run_report_says_the_result_in_plain_words():
    text = Page(render_run(run_report())).text
    said = "On flight lines it has never seen, 76 of 100 objects get the right condition (95 % interval 70–81)."
    assert said in text
    assert "The reference, per-type majority, gets 67. Measured on 751 objects in 17 flight lines." in text
    assert "would claim 79.5 %, 3.5 points too much." in text
    assert "labels/a.txt:3" in text
    assert "surer of itself than it is right" in text


def test_a_run_without_figures_says_so_and_shows_no_empty_tables():
    text = render_run(run_report(metrics={}, ladder=(), gallery=(), dataset={}, naive=None))
    assert "No object with a known condition was left to measure on." in text
    assert "<h2>By class" not in text
    assert "ladder" not in Page(text).text.lower()


def drop(value, path):
    key, *rest = path
    return {k: (drop(v, rest) if rest and k == key else v) for k, v in value.items() if rest or k != key}


@pytest.mark.parametrize("path", [(k,) for k in metrics()] + [(k, "ci95") for k in ("conditional", "calibration")])
def test_metrics_of_an_older_run_may_lack_any_part(path):
    Page(render_run(run_report(metrics=drop(metrics(), path))))
    nulled = drop(metrics(), path)
    if len(path) == 1:
        Page(render_run(run_report(metrics=nulled | {path[0]: None})))


def test_the_gallery_shows_the_surest_mistakes_first_and_no_more_than_its_limits():
    many = tuple(
        GalleryItem(JPEG, f"{i}.jpg", "drain", "other" if i % 2 else "drain", i / 100, correct=i % 2 == 0)
        for i in range(100)
    )
    page = Page(render_run(run_report(gallery=many)))
    shown = [image["alt"] for image in page.all("img")]
    assert len(shown) == MAX_WRONG + MAX_RIGHT
    assert shown[0].endswith("in 99.jpg")
    assert f"50 wrong, 50 right; {100 - len(shown)} not shown" in page.text


def test_the_inspection_report_counts_and_puts_the_worst_photo_first():
    calm = InspectedPhoto(inspection(decision(condition="normal"), photo="calm.jpg"), jpeg=JPEG)
    maybe = InspectedPhoto(inspection(decision(probability=0.6), photo="maybe.jpg"), jpeg=JPEG)
    sure = InspectedPhoto(inspection(decision(condition="damaged", probability=0.95), photo="sure.jpg"), jpeg=JPEG)
    page = Page(render_inspections(inspection_report(calm, maybe, sure, InspectedPhoto(broken()))))
    assert "2 of 3 objects need attention, in 2 of 4 photos." in page.text
    assert "1 photo could not be inspected." in page.text
    assert [image["alt"].split(":")[0] for image in page.all("img")] == ["sure.jpg", "maybe.jpg", "calm.jpg"]
    assert "corrupt-image" in page.text


def test_relations_are_listed_by_the_numbers_on_the_picture():
    page = Page(render_inspections(inspection_report(InspectedPhoto(inspection(decision(), vegetation())))))
    assert "1 slope drain blocked left of 2 vegetation near" in page.text


def test_an_abstention_gives_its_reason():
    page = Page(render_inspections(inspection_report(InspectedPhoto(inspection(abstention())))))
    assert "object type 'pole' is not in the taxonomy" in page.text
    assert "Nothing is said of 1 object (grey, dashed)." in page.text


@pytest.mark.parametrize("path", ["a b#1?.jpg", "//evil.example/x.jpg", "javascript:alert(1)", "data:text/html,x"])
def test_a_picture_beside_the_report_is_a_relative_path_whatever_its_name(path):
    text = render_inspections(inspection_report(InspectedPhoto(inspection(decision()), picture=path)))
    (image,) = Page(text).all("img")
    assert re.fullmatch(r"\./[\w./%-]+", image["src"])
    assert "img-src data: &#39;self&#39; file:" in text


def test_urgency_counts_abstentions_after_bad_conditions_and_normal_ones_not_at_all():
    order = [
        inspection(decision(probability=0.9)), inspection(decision(probability=0.5)), inspection(abstention()),
        inspection(decision(condition="normal", probability=0.99)),
    ]  # fmt: skip
    assert sorted(reversed(order), key=urgency) == order


def test_the_same_input_gives_the_same_text():
    assert render_run(run_report()) == render_run(run_report())
    report = inspection_report(InspectedPhoto(inspection(decision(), abstention()), jpeg=JPEG))
    assert render_inspections(report) == render_inspections(report) == "".join(stream_inspections(report))


def test_the_run_report_shows_sets_and_refusals():
    text = Page(render_run(run_report())).text
    assert "90 % of the sets should hold the right condition, of every class; 90.3 % do, as promised" in text
    assert "A set holds 1.71 conditions on average; 42 % hold a single one." in text
    assert "One threshold for all classes instead of one each would cover 90.4 % with 1.53 conditions" in text
    assert "3 objects to calibrate 90 % sets on, 9 are needed" in text
    assert "With risk=0.1, 66.0 % of all objects are answered, and 90.0 % of the answers are right." in text


def test_a_set_of_several_conditions_is_shown_beside_what_is_said():
    several = dataclasses.replace(decision(), prediction_set=("blocked", "normal"))
    shown = Page(render_inspections(inspection_report(InspectedPhoto(inspection(several, vegetation()))))).text
    assert shown.count("not ruled out: blocked, normal") == 1 and shown.count("not ruled out") == 1


def test_templates_mark_nothing_safe_but_charts_made_here():
    folder = Path(render_run.__code__.co_filename).parent / "templates"
    marked = {m for f in folder.glob("*.j2") for m in re.findall(r"([\w.]+)\s*\|\s*safe", f.read_text("utf-8"))}
    assert marked == {"figure.bar", "card.bar", "c.svg", "calibration.svg", "selective.svg", "row.bar", "o.bar", "svg"}
