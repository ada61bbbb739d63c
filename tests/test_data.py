"""Image sets: one fair order, the right labels, and nothing dropped in silence."""

import io
import os
import struct
import zlib

import datasets
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import fill, noise, packed
from PIL import Image

from janus.data import Picture, Skipped, decode, open_images
from janus.data.cache import Record, kept
from janus.data.labels import class_indices, imagenet_classes
from janus.data.pictures import spread
from janus.errors import JanusError, JanusWarning

WNIDS = ("n01440764", "n01443537", "n02123045")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    """What `datasets` converts goes where the test's files go."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path_factory.mktemp("cache")))


def names(images, **options):
    return [item.name for item in images.stream(**options)]


# Order


@given(st.lists(st.text(max_size=8), unique=True), st.data())
def test_order_of_some_does_not_depend_on_the_others(keys, data):
    """The spread is a permutation, and leaving keys out leaves the order of the rest."""
    some = data.draw(st.lists(st.sampled_from(keys), unique=True)) if keys else []
    ordered = [keys[i] for i in spread(keys)]

    assert sorted(ordered) == sorted(keys)
    assert [key for key in ordered if key in some] == [some[i] for i in spread(some)]


def test_images_come_in_the_same_order_each_time(tmp_path):
    """Twice, and whatever the number of threads."""
    images = open_images(fill(tmp_path, WNIDS, 10), classes=1000)

    first = names(images)

    assert first == names(images, workers=1, ahead=3) == names(open_images(tmp_path), workers=4)
    assert len(first) == images.total == 30


def test_a_limit_takes_the_first_of_the_same_order_and_they_are_spread(tmp_path):
    """A prefix is a fair sample: a third of a set of three classes has all of them."""
    images = open_images(fill(tmp_path, WNIDS, 10), classes=1000)
    few = list(images.stream(limit=10))

    assert [picture.name for picture in few] == names(images)[:10]
    assert {picture.label for picture in few} == {0, 1, 281}


def test_preparing_happens_in_order_and_a_refusal_skips(tmp_path):
    """What `prepare` makes is what comes; a JanusError from it names the image."""

    def prepare(image):
        if image.size == (50, 41):
            raise JanusError("too tall")
        return image.size

    fill(tmp_path, ["a"], 3)
    (tmp_path / "a" / "tall.png").write_bytes(packed(noise(0, 41)))
    items = list(open_images(tmp_path).stream(prepare))

    assert [item for item in items if isinstance(item, Skipped)] == [Skipped("a/tall.png", "too tall")]
    assert {item.image for item in items if isinstance(item, Picture)} == {(50, 40)}


def test_a_mistake_in_prepare_is_not_taken_for_a_bad_image(tmp_path):
    """Only a JanusError skips; anything else is ours to mend."""
    with pytest.raises(ZeroDivisionError):
        list(open_images(fill(tmp_path, ["a"], 1)).stream(lambda image: 1 / 0))


# Labels


def test_wnid_folders_give_imagenets_labels(tmp_path):
    """Also where only some of the thousand classes occur, and where a wnid folder is empty."""
    fill(tmp_path, WNIDS, 1)
    (tmp_path / "n01484850").mkdir()

    labels = {picture.name[:9]: picture.label for picture in open_images(tmp_path, classes=1000).stream()}

    assert labels == {"n01440764": 0, "n01443537": 1, "n02123045": 281}


def test_other_folders_are_labelled_in_the_order_of_their_names(tmp_path):
    """As many folders as classes; an empty one counts, so that the others keep their number."""
    fill(tmp_path, ["pear", "apple"], 2)
    (tmp_path / "fig").mkdir()

    labels = {picture.name.split("/")[0]: picture.label for picture in open_images(tmp_path, classes=3).stream()}

    assert labels == {"apple": 0, "pear": 2}


def test_numbered_folders_mean_their_numbers(tmp_path):
    """Sorted as words, 10 would come before 2."""
    fill(tmp_path, [str(i) for i in range(11)], 1)

    labels = {int(picture.name.split("/")[0]): picture.label for picture in open_images(tmp_path, classes=11).stream()}

    assert labels == {i: i for i in range(11)}


@pytest.mark.parametrize(
    ("folders", "classes", "said"),
    [
        (["apple", "pear"], 1000, "2 classes (apple, pear) for a head of 1000, and the names are not ImageNet's"),
        (["apple", "pear"], 3, "for a head of 3, which needs a name for each class"),
        (["n01440764", "n99999999"], 1000, "where n99999999 is no class"),
        (["n01440764", "n01443537"], 7, "a head of 7, which is not an ImageNet head"),
    ],
)
def test_labels_that_do_not_match_the_head_are_refused(tmp_path, folders, classes, said):
    """With both numbers, some names and the reason."""
    with pytest.raises(JanusError) as caught:
        open_images(fill(tmp_path, folders, 1), classes=classes)

    assert "the labels don't match the head" in str(caught.value)
    assert said in str(caught.value)


@given(st.lists(st.integers(0, 999), min_size=1, max_size=20, unique=True))
def test_imagenets_own_names_are_understood(indices):
    """Full names and wnids both lead back to their class; 'crane' is two of them and is taken for neither."""
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")

    assert class_indices([info.index_to_label_name(i) for i in indices], 1000, "x") == indices
    full = [info.index_to_description(i) for i in indices]
    if len(set(full)) == len(full) and all(name.lower() in imagenet_classes(1000) for name in full):
        assert class_indices(full, 1000, "x") == indices
    assert "crane" not in imagenet_classes(1000)


def test_a_heap_of_pictures_has_no_labels(tmp_path):
    """It can be looked at, and does not pretend to be labelled."""
    fill(tmp_path, ["."], 4)
    images = open_images(tmp_path, classes=1000)

    assert images.classes is None
    assert {picture.label for picture in images.stream()} == {None}


def test_pictures_beside_the_class_folders_are_told(tmp_path):
    """They have no label; leaving them out is not done in silence."""
    fill(tmp_path, WNIDS, 1)
    (tmp_path / "stray.png").write_bytes(packed(noise()))

    with pytest.warns(JanusWarning, match="1 images outside the class subfolders"):
        images = open_images(tmp_path, classes=1000)
    assert images.total == 3


def test_deeper_and_hidden_files(tmp_path):
    """Subfolders of a class belong to it; hidden files and other kinds are no images."""
    fill(tmp_path, ["n01440764/part"], 2)
    fill(tmp_path, [".cache", "n01440764/.thumbs"], 1)
    (tmp_path / "n01440764" / "._0.png").write_bytes(b"x")
    (tmp_path / "n01440764" / "readme.txt").write_text("no image")

    assert sorted(names(open_images(tmp_path, classes=1000))) == ["n01440764/part/0.png", "n01440764/part/1.png"]


# Decoding


def broken_files():
    good = packed(noise(3, 200, 200), "JPEG", quality=95)
    header = struct.pack(">IIBBBBB", 40000, 40000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", b""), (b"IEND", b""))
    )
    return {
        "truncated.jpg": good[: len(good) // 2],
        "empty.jpg": b"",
        "text.jpg": b"This is no image at all, whatever its name says.",
        "half.png": packed(noise(4))[:60],
        "bomb.png": bomb,
        "postscript.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
    }


def test_what_does_not_decode_is_named_with_a_reason(tmp_path):
    """Every kind of broken file is skipped by name, and the good ones still come."""
    fill(tmp_path, WNIDS, 1)
    for name, data in broken_files().items():
        (tmp_path / WNIDS[0] / name).write_bytes(data)

    items = list(open_images(tmp_path, classes=1000).stream())

    skipped = {item.file: item.reason for item in items if isinstance(item, Skipped)}
    assert sorted(skipped) == sorted(f"{WNIDS[0]}/{name}" for name in broken_files())
    assert all(skipped.values())
    assert len(items) - len(skipped) == 3
    assert "0x" not in " ".join(skipped.values())  # an address would make two runs differ


def test_a_file_that_vanishes_is_skipped(tmp_path):
    """Read errors are an image's own, not the end of the run."""
    images = open_images(fill(tmp_path, ["a"], 2))
    os.remove(tmp_path / "a" / "1.png")

    skipped = [item for item in images.stream() if isinstance(item, Skipped)]

    assert skipped == [Skipped("a/1.png", "cannot be read: No such file or directory")]


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGBA", "LA", "1", "RGB", "YCbCr"])
def test_every_mode_becomes_rgb(mode):
    """Grey, palette, CMYK and the rest are RGB afterwards, and show about the same."""
    form = {"CMYK": "JPEG", "YCbCr": "JPEG"}.get(mode, "PNG")
    image = noise(5).convert(mode)

    decoded = decode(packed(image, form))

    assert decoded.mode == "RGB"
    assert abs(np.asarray(decoded, float) - np.asarray(image.convert("RGB"), float)).mean() < 12


def test_sixteen_bits_are_cut_to_eight():
    """A 16-bit grey picture keeps its tones; Pillow's own conversion would make it white."""
    deep = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)

    decoded = np.asarray(decode(packed(Image.fromarray(deep))))

    assert np.array_equal(decoded[..., 0], np.arange(256, dtype=np.uint8).reshape(16, 16))


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_pixels_without_a_known_white_are_refused(kind):
    """Of 32 bits nobody knows which is white; a guess would show them dark and count them as wrong."""
    with pytest.raises(JanusError, match="32 bits and no known white: save it with 8 or 16 bits"):
        decode(packed(Image.fromarray(np.ones((8, 8), kind)), "TIFF"))


def test_transparency_becomes_white():
    """What shines through is white, not what happens to be stored below."""
    image = Image.new("RGBA", (4, 4), (10, 20, 30, 0))

    assert decode(packed(image)).getpixel((0, 0)) == (255, 255, 255)


def test_the_camera_was_turned():
    """The EXIF orientation is applied, so that up is up."""
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways = packed(noise(6, 40, 60), "JPEG", exif=exif)

    assert decode(sideways).size == (40, 60)


def test_an_animation_is_its_first_frame():
    """Of a GIF that blinks from red to blue it is the red."""
    out = io.BytesIO()
    red, blue = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    red.save(out, "GIF", save_all=True, append_images=[blue])

    assert decode(out.getvalue()).getpixel((0, 0)) == (255, 0, 0)


# Tables


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A function that writes a Parquet folder with the given label column."""

    def write(feature, labels):
        root = tmp_path_factory.mktemp("tables")
        columns = {"picture": datasets.Image(), "label": feature}
        rows = {
            "picture": [{"bytes": packed(noise(i)), "path": None} for i in range(len(labels))],
            "label": labels,
        }
        datasets.Dataset.from_dict(rows, features=datasets.Features(columns)).to_parquet(root / "test.parquet")
        return root

    return write


@pytest.mark.parametrize(
    ("feature", "labels", "classes", "expected"),
    [
        (datasets.ClassLabel(names=list(WNIDS)), [0, 1, 2, 2], 1000, [0, 1, 281, 281]),
        (datasets.ClassLabel(names=["tabby, tabby cat", "goldfish"]), [0, 1, 1, 1], 1000, [281, 1, 1, 1]),
        (datasets.ClassLabel(names=["b", "a", "c"]), [0, 1, 2, 0], 3, [0, 1, 2, 0]),
        (datasets.Value("string"), ["n01443537", "n01440764"] * 2, 1000, [1, 0, 1, 0]),
    ],
)
def test_tables_are_labelled_by_what_their_names_mean(tables, feature, labels, classes, expected):
    """By wnid, by ImageNet's name, by number where the numbers agree, or by the string itself."""
    images = open_images(tables(feature, labels), classes=classes)

    got = {int(picture.name[1:]): picture.label for picture in images.stream()}

    assert [got[i] for i in range(len(labels))] == expected


def test_bare_numbers_are_taken_as_classes_with_a_warning(tables):
    """Nothing says what they count, so that is said; a number beyond the head is refused."""
    root = tables(datasets.Value("int64"), [0, 1, 9])

    with pytest.warns(JanusWarning, match="bare numbers"):
        assert sorted(picture.label for picture in open_images(root, classes=10).stream()) == [0, 1, 9]
    with pytest.warns(JanusWarning), pytest.raises(JanusError, match="label 9 doesn't match the head"):
        list(open_images(root, classes=5).stream())


def test_a_split_without_labels_is_refused(tables):
    """The hub's hidden test labels are all -1."""
    root = tables(datasets.ClassLabel(names=["a", "b"]), [-1, -1])

    with pytest.raises(JanusError, match="this split has no labels"):
        list(open_images(root, classes=2).stream())


def test_a_table_without_images_or_a_wrong_split_is_refused(tmp_path, tables):
    """Each with the columns or splits that there are."""
    datasets.Dataset.from_dict({"text": ["a"]}).to_parquet(tmp_path / "test.parquet")
    with pytest.raises(JanusError, match=r"none of its columns \(text\) holds images"):
        open_images(tmp_path, classes=10)

    root = tables(datasets.ClassLabel(names=["a"]), [0])
    with pytest.raises(JanusError, match="there is no split 'train'; choose one of test"):
        open_images(f"{root}:train", classes=1)
    assert open_images(f"{root}:test", classes=1).total == 1


def test_a_broken_table_is_one_sentence(tmp_path):
    """Parquet by name only."""
    (tmp_path / "test.parquet").write_bytes(b"PAR1 and nothing more")

    with pytest.raises(JanusError, match="give a folder of images or of Parquet files"):
        open_images(tmp_path)


# Sources


def test_nothing_there_is_one_sentence(tmp_path):
    """An empty folder, a file, and what is neither a path nor a name."""
    with pytest.raises(JanusError, match="the folder holds no image"):
        open_images(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(JanusError, match="this is a file; give its folder"):
        open_images(tmp_path / "a.txt")
    for source in (tmp_path / "nix", "./nix", "a/b/c", "~/nix/nix"):
        with pytest.raises(JanusError, match="there is no such folder, and it is not the name of a data set"):
            open_images(source)


def test_facts_tell_one_set_from_another_and_not_where_it_lies(tmp_path):
    """The name of the folder, a hash over its files, the seed of the order."""
    one, two = fill(tmp_path / "one" / "set", WNIDS, 2), fill(tmp_path / "two" / "set", WNIDS, 2)
    facts = open_images(one).facts
    (two / WNIDS[0] / "0.png").write_bytes(packed(noise(77, 60, 60)))

    assert (facts["images"], facts["n_files"], facts["seed"]) == ("set", 6, 0)
    assert str(tmp_path) not in str(facts)
    assert facts["files_sha256"] != open_images(two).facts["files_sha256"]


def test_a_stream_is_kept_and_continued(tmp_path):
    """What was seen is not fetched again; a longer look fetches only what is new; a whole one nothing."""
    starts = []

    def fetch(start):
        starts.append(start)
        for i in range(start, 6):
            yield Record(name=f"#{i}", label=i, data=b"\n" * i)

    everything = [Record(name=f"#{i}", label=i, data=b"\n" * i) for i in range(6)]
    first = kept(tmp_path, fetch)

    assert [next(first) for _ in range(3)] == everything[:3]
    assert list(kept(tmp_path, fetch)) == everything
    assert list(kept(tmp_path, fetch)) == everything
    assert starts == [0, 3]


def test_the_real_validation_images_are_labelled_by_wnid(shared):
    """650 of them, of which none is broken, named as their folder says."""
    images = open_images(shared / "imagenet_val", classes=1000)
    classes = imagenet_classes(1000)

    few = list(images.stream(lambda image: image.mode, limit=12))

    assert images.total == 650
    assert [(picture.image, picture.label) for picture in few] == [("RGB", classes[p.name.split("/")[0]]) for p in few]
