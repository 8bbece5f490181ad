from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from clipspect.data import images
from clipspect.data.dense import pool_maps, window_crops
from clipspect.data.views import crop, parse_view, pool
from clipspect.encode.cache import FeatureCache
from clipspect.encode.fake import FakeEncoder
from clipspect.errors import ConfigError, MissingAbilityError
from clipspect.pipeline import batches
from clipspect.pipeline.features import FeatureExtractor, PhotoObjects
from clipspect.spatial.features import box_features
from clipspect.types import Detection

SIZE_PX = (96, 64)
VIEWS = ("tight:margin=0.15", "square:scale=1.2", "tiles:count=3", "context:scale=2")
TYPES = ("drain", "toe")


class Counting(FakeEncoder):
    """The fake encoder, which counts what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, int]] = []

    def encode_images(self, images, space="visual"):
        self.asked.append((space, len(images)))
        return super().encode_images(images, space)


class JointApart:
    """The fake encoder without its short way from visual to joint."""

    def __init__(self) -> None:
        self._fake = FakeEncoder()
        self.id, self.input_px, self.spaces = self._fake.id, self._fake.input_px, self._fake.spaces
        self.encode_images = self._fake.encode_images


def photo(folder, name, boxes, seed=0):
    path = folder / f"{name}.png"
    pixels = np.random.default_rng(seed).integers(0, 256, (SIZE_PX[1] // 8, SIZE_PX[0] // 8, 3)).astype(np.uint8)
    Image.fromarray(pixels.repeat(8, axis=0).repeat(8, axis=1)).save(path)
    detections = tuple(Detection(box, TYPES[i % 2]) for i, box in enumerate(boxes))
    return PhotoObjects(path, name, SIZE_PX, detections)


def boxes(n, seed=0):
    rng = np.random.default_rng(seed)
    left, top = rng.uniform(0, 60, n), rng.uniform(0, 40, n)
    sides = rng.uniform(4, 24, (n, 2))
    return [(float(x), float(y), float(x + w), float(y + h)) for x, y, (w, h) in zip(left, top, sides, strict=True)]


def extractor(encoder=None, *, views=VIEWS, joint="square:scale=1.2", cache=None):
    return FeatureExtractor(
        encoder or FakeEncoder(),
        views=[parse_view(v) for v in views],
        joint_view=None if joint is None else parse_view(joint),
        known_types=TYPES,
        max_pixels=100_000,
        cache=cache,
    )


def assert_equal(first, second, *, atol=0.0):
    """`atol` is for other batches: matrix products of float32 depend on how many rows they have."""
    assert first.features.blocks.keys() == second.features.blocks.keys()
    for view, block in first.features.blocks.items():
        np.testing.assert_allclose(block, second.features.blocks[view], rtol=0, atol=atol)
    np.testing.assert_allclose(first.features.joint, second.features.joint, rtol=0, atol=atol)
    np.testing.assert_array_equal(first.features.spatial, second.features.spatial)
    assert first.features.object_types == second.features.object_types
    assert first.features.contexts == second.features.contexts


@pytest.fixture
def photos(tmp_path):
    return [photo(tmp_path, "a", boxes(3, 1), 1), photo(tmp_path, "none", [], 2), photo(tmp_path, "b", boxes(2, 3), 3)]


@pytest.fixture
def cache(tmp_path):
    with FeatureCache(tmp_path / "cache") as cache:
        yield cache


def test_rows_come_photo_by_photo_in_the_order_of_the_detections(photos):
    done = extractor().extract(photos)
    assert done.photo_index.tolist() == [0, 0, 0, 2, 2]
    assert done.object_index.tolist() == [0, 1, 2, 0, 1]
    assert done.features.object_types == ("drain", "toe", "drain", "drain", "toe")
    for row, (i, j) in enumerate(zip(done.photo_index, done.object_index, strict=True)):
        pixels, encoder = images.read(photos[i].path), FakeEncoder()
        for name in VIEWS:
            view = parse_view(name)
            crops = crop(pixels, photos[i].detections[j].box_xyxy_px, view, 64)
            expected = pool(encoder.encode_images(crops), view)
            np.testing.assert_allclose(done.features.blocks[view.name][row], expected, atol=1e-5)


def test_tiles_are_pooled_by_mean_and_maximum_side_by_side(photos):
    view = parse_view("tiles:count=3")
    done = extractor(views=["tiles:count=3"]).extract(photos[:1])
    crops = crop(images.read(photos[0].path), photos[0].detections[0].box_xyxy_px, view, 64)
    rows = FakeEncoder().encode_images(crops)
    assert len(rows) == 3
    np.testing.assert_allclose(
        done.features.blocks[view.name][0], np.concatenate([rows.mean(axis=0), rows.max(axis=0)]), atol=1e-6
    )


def test_spatial_features_and_contexts_know_the_other_objects_of_the_same_photo_only(photos):
    done = extractor().extract(photos)
    given = np.array([d.box_xyxy_px for d in photos[2].detections])
    expected = box_features(given, SIZE_PX, ["drain", "toe"], TYPES)[0]
    np.testing.assert_array_equal(done.features.spatial[3:], expected)
    assert [c.others for c in done.features.contexts] == [
        ("drain", "toe"),
        ("drain",),
        ("drain", "toe"),
        ("toe",),
        ("drain",),
    ]


def test_a_cached_run_equals_an_uncached_one_bit_for_bit_and_encodes_nothing(photos, cache):
    plain = extractor().extract(photos)
    first = extractor(cache=cache).extract(photos)
    encoder = Counting()
    second = extractor(encoder, cache=cache).extract(photos)
    assert_equal(plain, first)
    assert_equal(plain, second)
    assert plain.encoded_crops == first.encoded_crops == 5 * (1 + 1 + 3 + 1)
    assert second.encoded_crops == 0 and encoder.asked == []


def test_a_photo_is_not_decoded_where_everything_is_cached(photos, cache, monkeypatch):
    extractor(cache=cache).extract(photos)
    monkeypatch.setattr(images, "read", lambda *_, **__: pytest.fail("decoded"))
    assert len(extractor(cache=cache).extract(photos).features) == 5


def test_a_photo_without_objects_is_not_even_opened(tmp_path):
    gone = PhotoObjects(tmp_path / "gone.png", "gone", SIZE_PX, ())
    done = extractor().extract([gone])
    assert len(done.features) == 0 and done.problems == ()
    assert done.features.spatial.shape[1] > 0


def test_only_what_the_cache_lacks_is_encoded(photos, cache):
    extractor(views=VIEWS[:1], joint=None, cache=cache).extract(photos)
    encoder = Counting()
    done = extractor(encoder, views=VIEWS[:2], joint=None, cache=cache).extract(photos)
    assert encoder.asked == [("visual", 5)] and done.encoded_crops == 5


def test_the_joint_vector_that_follows_from_the_visual_one_equals_the_encoded_one(photos):
    encoder = Counting()
    short, long = extractor(encoder).extract(photos), extractor(JointApart()).extract(photos)
    np.testing.assert_allclose(short.features.joint, long.features.joint, atol=1e-6)
    assert {space for space, _ in encoder.asked} == {"visual"}, "one pass gives both"
    direct = FakeEncoder().encode_images(
        crop(images.read(photos[0].path), photos[0].detections[0].box_xyxy_px, parse_view("square:scale=1.2"), 64),
        "joint",
    )
    np.testing.assert_allclose(short.features.joint[:1], direct, atol=1e-6)


def test_a_joint_view_that_no_head_reads_is_encoded_for_text_alone(photos):
    encoder = Counting()
    done = extractor(encoder, views=["tight"], joint="context:scale=2").extract(photos)
    assert sorted(encoder.asked) == [("joint", 5), ("visual", 5)]
    np.testing.assert_allclose(np.linalg.norm(done.features.joint, axis=1), 1, atol=1e-6)


def test_without_views_and_text_nothing_is_encoded(photos):
    encoder = Counting()
    done = extractor(encoder, views=[], joint=None).extract(photos)
    assert encoder.asked == [] and done.features.joint is None and len(done.features) == 5


def test_a_photo_that_cannot_be_read_is_reported_and_the_others_are_kept(photos, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(photos[0].path.read_bytes()[:100])
    bad = PhotoObjects(broken, "broken", SIZE_PX, photos[0].detections)
    gone = PhotoObjects(tmp_path / "gone.png", "gone", SIZE_PX, photos[0].detections)
    steps = []
    done = extractor().extract([bad, photos[0], gone, photos[2]], lambda: steps.append(1))
    assert done.photo_index.tolist() == [1, 1, 1, 3, 3]
    assert [p.file for p in done.problems] == ["broken", "gone"] and all(p.code for p in done.problems)
    assert len(steps) == 4
    alone = extractor().extract([photos[0], photos[2]])
    assert_equal(done, alone)


def test_a_photo_larger_than_the_cap_is_reported(photos):
    small = extractor()
    small.max_pixels = 100
    done = small.extract(photos)
    assert len(done.problems) == 2 and len(done.features) == 0


def test_objects_with_the_same_box_have_the_same_features(tmp_path):
    box = (10.0, 10.0, 40.0, 30.0)
    done = extractor().extract([photo(tmp_path, "a", [box, box, (0.0, 0.0, 9.0, 9.0)])])
    np.testing.assert_array_equal(done.features.joint[0], done.features.joint[1])
    assert done.encoded_crops == 2 * 6, "and are encoded once"


def test_two_files_with_the_same_content_are_encoded_once(tmp_path):
    first, second = (photo(tmp_path, name, boxes(2)) for name in "ab")
    done = extractor().extract([first, second])
    assert done.encoded_crops == 2 * 6
    np.testing.assert_array_equal(done.features.joint[:2], done.features.joint[2:])


def test_the_view_of_the_whole_photo_is_encoded_once_a_photo(photos):
    done = extractor(views=["image"], joint="image").extract(photos)
    assert done.encoded_crops == 2
    block = done.features.blocks["image"]
    assert (block[0] == block[2]).all() and not (block[0] == block[3]).all()


@pytest.mark.parametrize("crops", [1, 7, 10_000])
def test_how_crops_are_batched_changes_nothing(photos, monkeypatch, crops):
    expected = extractor().extract(photos)
    monkeypatch.setattr(batches, "_FLUSH_CROPS", crops)
    assert_equal(extractor().extract(photos), expected, atol=1e-5)


def test_one_photo_with_many_objects_is_encoded_in_batches_that_fit_into_memory(tmp_path):
    many = photo(tmp_path, "many", boxes(200))
    encoder = Counting()
    done = extractor(encoder).extract([many])
    assert done.encoded_crops == 200 * 6
    assert max(n for _, n in encoder.asked) < 256 + 6
    few = [dataclasses.replace(many, detections=many.detections[i : i + 1]) for i in (0, 57, 199)]
    for i, one in zip((0, 57, 199), few, strict=True):
        alone, together = extractor().extract([one]).features, done.features.take([i])
        for view, block in alone.blocks.items():
            np.testing.assert_allclose(block, together.blocks[view], atol=1e-5)
        np.testing.assert_allclose(alone.joint, together.joint, atol=1e-5)


def test_pixels_that_somebody_has_already_are_used(photos):
    given = [dataclasses.replace(p, image=images.read(p.path), path=p.path.with_name("gone.png")) for p in photos]
    assert_equal(extractor().extract(given), extractor().extract(photos))


class Dense(Counting):
    """Counts the maps, too."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = 0

    def encode_dense(self, image):
        self.maps += 1
        assert image.shape == (64, 64, 3)
        return super().encode_dense(image)


def test_dense_views_encode_each_photo_once_whatever_the_number_of_objects(photos):
    encoder = Dense()
    views = ["dense:margin=0", "dense:margin=0.2,pool=max", "dense:windows=2"]
    done = extractor(encoder, views=views, joint=None).extract(photos)
    assert encoder.maps == done.encoded_crops == 2 * (1 + 4)  # two photos with objects; both margins share a map
    assert encoder.asked == []


def test_dense_features_are_those_of_the_map_inside_the_box(photos):
    view = parse_view("dense")
    done = extractor(views=["dense", "square:scale=1.2"]).extract(photos)
    encoder = FakeEncoder()
    for row, (i, j) in enumerate(zip(done.photo_index, done.object_index, strict=True)):
        (window,) = window_crops(images.read(photos[i].path), view, 64)
        box = photos[i].detections[j].box_xyxy_px
        expected = pool_maps([encoder.encode_dense(window)], box, view, SIZE_PX)
        np.testing.assert_array_equal(done.features.blocks[view.name][row], expected)


def test_dense_features_come_from_the_cache_the_second_time(photos, cache):
    first = extractor(views=["dense"], cache=cache).extract(photos)
    encoder = Dense()
    second = extractor(encoder, views=["dense"], cache=cache).extract(photos)
    assert_equal(first, second)
    assert encoder.maps == second.encoded_crops == 0


def test_an_encoder_without_maps_is_refused_with_those_that_have_them(photos):
    with pytest.raises(MissingAbilityError, match="no dense features; encoders that have: starter"):
        extractor(JointApart(), views=["dense"]).extract(photos)


def test_text_cannot_be_compared_with_a_dense_view(photos):
    with pytest.raises(ConfigError, match="joint: expected a view that is cropped, .*got 'dense:margin=0'"):
        extractor(joint="dense").extract(photos)


def test_flipped_and_shifted_crops_are_averaged(photos):
    done = extractor(views=["square:flip=1", "square:scale=1,shift=0.1"], joint=None).extract(photos[:1])
    assert done.encoded_crops == 3 * (2 + 5)
    pixels, box = images.read(photos[0].path), photos[0].detections[0].box_xyxy_px
    rows = FakeEncoder().encode_images(crop(pixels, box, parse_view("square:flip=1"), 64))
    np.testing.assert_allclose(done.features.blocks["square:scale=1.2,flip=1"][0], (rows[0] + rows[1]) / 2, atol=1e-5)
