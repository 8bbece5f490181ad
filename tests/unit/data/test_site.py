"""The synthetic site: deterministic, split by flight line, and neither trivial nor hopeless to learn."""

import hashlib
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from clipspect.data.site import GROUPS_REGEX, NAMES, make_site, render_scene
from clipspect.data.site.camera import aim, expose, homography, label
from clipspect.data.site.look import plan_look
from clipspect.data.site.plan import Dealer, Fault, Line, Thing, plan_line
from clipspect.data.site.strip import paint_line
from clipspect.errors import ConfigError, OutputExistsError
from clipspect.taxonomy import read_taxonomy

SIZE_PX = (320, 240)
SPLITS = ("train", "valid", "test")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_site(tmp_path_factory.mktemp("site") / "out", photos=48, size_px=SIZE_PX, lines=6, seed=1).parent


def rows_of(label_file: Path) -> list[tuple[int, np.ndarray]]:
    rows = [line.split() for line in label_file.read_text(encoding="utf-8").splitlines()]
    return [(int(row[0]), np.array([float(number) for number in row[1:]])) for row in rows]


def objects_of(site: Path, split: str) -> list[tuple[Path, int, np.ndarray]]:
    files = sorted((site / split / "labels").glob("*.txt"))
    return [
        (site / split / "images" / f"{file.stem}.jpg", class_id, box)
        for file in files
        for class_id, box in rows_of(file)
    ]


def hash_of(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_gives_others(tmp_path: Path) -> None:
    small = {"photos": 4, "size_px": (160, 120), "lines": 3}
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        make_site(tmp_path / name, **small, seed=seed)
    assert hash_of(tmp_path / "a") == hash_of(tmp_path / "b")
    assert hash_of(tmp_path / "a") != hash_of(tmp_path / "c")


def test_data_yaml_names_the_classes_and_the_folders_of_every_split(site: Path) -> None:
    content = yaml.safe_load((site / "data.yaml").read_text(encoding="utf-8"))
    assert content["names"] == list(NAMES)
    assert content["nc"] == 9
    for key, split in (("train", "train"), ("val", "valid"), ("test", "test")):
        assert content[key] == f"{split}/images"
        assert any((site / content[key]).iterdir())


def test_every_photo_has_its_size_and_a_label_file(site: Path) -> None:
    photos = sorted(site.glob("*/images/*.jpg"))
    assert len(photos) == 48
    for photo in photos:
        with Image.open(photo) as image:
            assert image.size == SIZE_PX
        assert (photo.parent.parent / "labels" / f"{photo.stem}.txt").is_file()


def test_splits_share_no_flight_line(site: Path) -> None:
    pattern = re.compile(GROUPS_REGEX)
    lines = {}
    for split in SPLITS:
        found = [pattern.match(photo.name) for photo in (site / split / "images").iterdir()]
        assert all(found)
        lines[split] = {match.group(1) for match in found if match}
    assert sum(len(names) for names in lines.values()) == len(set().union(*lines.values())) == 6
    assert len(lines["train"]) == 4


def test_boxes_lie_inside_the_photo_and_are_big_enough_to_see(site: Path) -> None:
    for split in SPLITS:
        for photo, _, (x, y, w, h) in objects_of(site, split):
            assert x - w / 2 >= -1e-6, photo
            assert y - h / 2 >= -1e-6, photo
            assert x + w / 2 <= 1 + 1e-6, photo
            assert y + h / 2 <= 1 + 1e-6, photo
            assert min(w * SIZE_PX[0], h * SIZE_PX[1]) >= 2.5, photo
            assert max(w * SIZE_PX[0], h * SIZE_PX[1]) >= 14, photo


def test_drains_are_long_and_thin_and_lie_as_their_type_says(site: Path) -> None:
    tall, flat = [], []
    for _, class_id, (_, _, w, h) in objects_of(site, "train"):
        ratio = (h * SIZE_PX[1]) / (w * SIZE_PX[0])
        if NAMES[class_id].startswith("slope drain"):
            tall.append(ratio)
        elif NAMES[class_id].startswith("toe drain"):
            flat.append(1 / ratio)
    assert np.median(tall) > 4
    assert np.median(flat) > 6
    assert min(tall) > 1.5
    assert min(flat) > 1.2


def test_every_class_occurs_and_counts_are_as_uneven_as_in_the_field(site: Path) -> None:
    counts = Counter(class_id for split in SPLITS for _, class_id, _ in objects_of(site, split))
    assert set(counts) == set(range(len(NAMES)))
    assert 4 <= max(counts.values()) / min(counts.values()) <= 30
    assert 4 <= sum(counts.values()) / 48 <= 7


def test_the_taxonomy_reads_the_class_names_without_help() -> None:
    taxonomy = read_taxonomy(NAMES)
    read = [(c.object_type, c.condition) for c in taxonomy.classes]
    assert read[1] == ("toe drain", "blocked")
    assert read[4] == ("rock toe", "damaged")
    assert read[8] == ("vegetation", "normal")
    assert taxonomy.notes == ()


def greyness(crop: np.ndarray, around: float) -> tuple[float, float]:
    """How colourful the greyest fifth of every cross-section of a drain is: bare concrete is grey, a filling is not."""
    along = crop if crop.shape[0] >= crop.shape[1] else crop.transpose(1, 0, 2)
    chroma = np.quantile(along.max(axis=2) - along.min(axis=2), 0.2, axis=1)
    return float(chroma.mean()) / around, float(np.quantile(chroma, 0.9)) / around


def drains_of(site: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Greyness of all drains that are normal or blocked, whether they are blocked, and their flight line."""
    features, blocked, lines = [], [], []
    for photo, class_id, (x, y, w, h) in (thing for split in SPLITS for thing in objects_of(site, split)):
        if NAMES[class_id] not in ("toe drain", "toe drain blocked", "slope drain", "slope drain blocked"):
            continue
        with Image.open(photo) as image:
            picture = np.asarray(image, dtype=np.float64)
        left, right = int((x - w / 2) * SIZE_PX[0]), int((x + w / 2) * SIZE_PX[0]) + 1
        top, bottom = int((y - h / 2) * SIZE_PX[1]), int((y + h / 2) * SIZE_PX[1]) + 1
        around = float(np.median(picture.max(axis=2) - picture.min(axis=2)))
        features.append(greyness(picture[top:bottom, left:right], around))
        blocked.append(NAMES[class_id].endswith("blocked"))
        lines.append(photo.name[:8])
    return np.array(features), np.array(blocked), np.array(lines)


def test_colours_alone_tell_blocked_from_normal_drains_better_than_chance_but_not_perfectly(site: Path) -> None:
    features, blocked, lines = drains_of(site)
    said = np.zeros(len(blocked), dtype=bool)
    for line in np.unique(lines):
        known = lines != line
        scaled = (features - features[known].mean(axis=0)) / features[known].std(axis=0)
        centres = np.stack([scaled[known & (blocked == state)].mean(axis=0) for state in (False, True)])
        said[~known] = np.linalg.norm(scaled[~known, None] - centres, axis=2).argmin(axis=1).astype(bool)
    balanced = (said[blocked].mean() + (~said[~blocked]).mean()) / 2
    assert 0.62 < balanced < 0.98


def test_render_scene_is_pure_and_repeatable() -> None:
    first, labels = render_scene(np.random.default_rng(3), size_px=SIZE_PX)
    again, same = render_scene(np.random.default_rng(3), size_px=SIZE_PX)
    assert first.shape == (SIZE_PX[1], SIZE_PX[0], 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert labels == same
    assert labels
    assert all(0 <= edge <= 1 for annotation in labels for edge in annotation.box_xyxyn)


def a_line(*things: Thing) -> Line:
    rng = np.random.default_rng(0)
    plan = plan_line(rng, Dealer(rng), "SiteA_L0", 0, 120.0)
    return replace(plan, things=things)


def test_a_fault_outside_the_frame_leaves_the_drain_normal_in_that_photo() -> None:
    faults = (Fault("silt", 50.0, 60.0, 0.8),)
    line = a_line(Thing("toe drain", "blocked", (10.0, 28.0), (110.0, 28.0), 1.2, faults))
    rng = np.random.default_rng(0)
    look = plan_look(rng, 0)
    names = {at: [NAMES[a.class_id] for a in label(line, aim(look, at, (640, 480), rng))] for at in (28.0, 65.0)}
    assert names == {28.0: ["toe drain"], 65.0: ["toe drain blocked"]}


def test_the_box_of_a_shifted_drain_holds_the_pieces_that_moved() -> None:
    straight = Thing("slope drain", "damaged", (50.0, 10.0), (50.0, 26.0), 1.4)
    moved = replace(straight, faults=(Fault("shift", 4.0, 8.0, 1.0, side=1),))
    assert np.ptp(straight.outline_m()[:, 0]) == pytest.approx(1.4)
    assert np.ptp(moved.outline_m()[:, 0]) == pytest.approx(1.4 * 1.72)


def test_a_homography_takes_the_four_corners_to_the_four_corners() -> None:
    source = np.array([(-3.0, 0.0), (5.0, 1.0), (4.0, 6.0), (-2.0, 5.0)])
    target = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
    ends = homography(source, target) @ np.column_stack([source, np.ones(4)]).T
    assert np.allclose((ends[:2] / ends[2]).T, target)


def test_neighbouring_photos_of_a_line_show_the_same_ground_where_they_overlap() -> None:
    rng = np.random.default_rng(5)
    line = plan_line(rng, Dealer(rng), "SiteA_L0", 0, 90.0)
    strip = paint_line(line, 8.0)
    shots = [aim(line.look, at_u_m, SIZE_PX, rng) for at_u_m in (34.0, 54.0)]
    photos = [expose(strip, 8.0, shot, line.look, rng).mean(axis=2) for shot in shots]
    u, v = np.meshgrid(np.linspace(38, 50, 60), np.linspace(8, 32, 120))
    ground = np.column_stack([u.ravel(), v.ravel(), np.ones(u.size)])
    seen = []
    for shot, photo in zip(shots, photos, strict=True):
        x, y, depth = shot.to_frame @ ground.T
        assert 0 <= (x / depth).min() <= (x / depth).max() <= 1
        rows, cols = (y / depth * SIZE_PX[1]).astype(int), (x / depth * SIZE_PX[0]).astype(int)
        seen.append(photo[rows, cols])
    assert np.corrcoef(seen)[0, 1] > 0.7
    assert np.corrcoef(seen[0], np.roll(seen[1], 3000))[0, 1] < 0.5


def test_a_folder_in_use_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="expected a new or empty folder"):
        make_site(tmp_path, photos=3, lines=3)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lines": 2}, "lines: expected 3 to 130 .*got 2"),
        ({"lines": 5, "photos": 4}, "photos: expected at least one a flight line"),
        ({"size_px": (640, 20)}, "size_px: expected at least 64 x 64, got 640 x 20"),
    ],
)
def test_sizes_that_make_no_site_are_refused_before_anything_is_written(
    tmp_path: Path, arguments: dict, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_site(tmp_path / "site", **arguments)
    assert not (tmp_path / "site").exists()
