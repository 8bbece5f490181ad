from __future__ import annotations

import pytest

from clipspect.encode.fake import FakeEncoder
from clipspect.errors import EmptyDataError
from clipspect.tasks import wire
from clipspect.tasks.objects import content_hashes, data_hash, label, with_features
from made import site


@pytest.fixture
def opened(tmp_path, settings):
    return wire.open_dataset(site(tmp_path / "site"), settings)


def features_of(opened, photos=None, *, steps=None):
    taxonomy = opened.taxonomy
    extractor = wire.make_extractor(
        FakeEncoder(), opened.settings, taxonomy, use_views=True, use_text=False, cache=None
    )
    labelled = label(opened.index.photos if photos is None else photos, taxonomy)
    return with_features(labelled, extractor, taxonomy, (steps if steps is not None else []).clear)


def test_answers_are_apart_from_what_scoring_may_look_at(opened):
    labelled = label(opened.index.photos, opened.taxonomy)
    assert len(labelled.photos) == len(labelled.records) == len(labelled.answers) == 8
    for photo, record, answers in zip(labelled.photos, labelled.records, labelled.answers, strict=True):
        assert photo.size_px == (160, 120) and photo.key == record.key
        assert answers == tuple(a.class_id for a in record.annotations)
        types = [opened.taxonomy.classes[k].object_type for k in answers]
        assert [d.object_type for d in photo.detections] == types
        assert all(d.detector_condition is None and d.confidence == 1 for d in photo.detections)


def test_labels_masks_and_groups_belong_to_their_rows(opened):
    objects = features_of(opened)
    assert len(objects.labels) == 24
    for row, key in enumerate(objects.photo_keys):
        record = next(p for p in opened.index.photos if p.key == key)
        assert objects.labels[row] == record.annotations[objects.object_index[row]].class_id
        assert objects.groups[row] == record.group and objects.groups[row] in key
        assert objects.mask[row, objects.labels[row]]


def test_every_pair_of_objects_in_a_photo_counts_once(opened):
    objects = features_of(opened)
    assert objects.pairs.shape == (8 * 3, 2) and len(objects.relations) == 24
    for i, j in objects.pairs:
        assert i < j and objects.photo_index[i] == objects.photo_index[j]
    assert len({tuple(p) for p in objects.pairs.tolist()}) == 24


def test_a_photo_that_cannot_be_read_is_a_problem_and_the_rows_of_the_others_stay_right(opened):
    whole = features_of(opened)
    opened.index.photos[0].path.write_bytes(b"no picture")
    path = opened.index.photos[3].path
    path.write_bytes(path.read_bytes()[:200])  # its header is whole
    objects = features_of(opened)
    assert [p.file for p in objects.problems] == [opened.index.photos[0].key, opened.index.photos[3].key]
    assert len(objects.labels) == 18
    kept = [i for i, key in enumerate(whole.photo_keys) if key in objects.photo_keys]
    assert objects.labels.tolist() == whole.labels[kept].tolist()
    assert objects.groups == tuple(whole.groups[i] for i in kept)
    assert objects.pairs.max() < 18 and len(objects.pairs) == 18


def test_no_object_at_all_is_refused(opened):
    with pytest.raises(EmptyDataError, match="0 photos and no object"):
        features_of(opened, [])
    for photo in opened.index.photos:
        photo.path.write_bytes(photo.path.read_bytes()[:200])
    with pytest.raises(EmptyDataError, match="expected photos that can be read, got none; the first: "):
        features_of(opened)


def test_the_hash_of_data_knows_content_and_labels_but_no_place(opened, tmp_path, settings):
    def hash_of(opened):
        objects = features_of(opened)
        return data_hash(objects, content_hashes(objects))

    elsewhere = wire.open_dataset(site(tmp_path / "elsewhere"), settings)
    assert hash_of(opened) == hash_of(elsewhere)
    labels = tmp_path / "elsewhere" / "train" / "labels" / "L0_0.txt"
    text = labels.read_text()
    labels.write_text("1" + text[1:] if text[0] != "1" else "0" + text[1:])
    changed = hash_of(wire.open_dataset(tmp_path / "elsewhere", settings))
    assert changed != hash_of(opened)
