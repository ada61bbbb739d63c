"""The picture as a payload."""

import io

import numpy as np
import pytest
from PIL import Image

from janus.errors import JanusError
from janus.picture import check_encoding, decode_picture, encode_picture

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
SMOOTH = np.broadcast_to(np.linspace(0, 255, 20, dtype=np.uint8)[None, :, None], (12, 20, 3))


@pytest.mark.parametrize("encoding", ["raw", "png"])
def test_lossless_encodings_are_exact(encoding):
    """raw and PNG give the same pixels back; raw is exactly three bytes a pixel."""
    data = encode_picture(PIXELS, encoding)

    assert np.array_equal(decode_picture(data, 12, 20, encoding), PIXELS)
    assert encoding != "raw" or len(data) == 12 * 20 * 3


@pytest.mark.parametrize("form", ["jpeg", "webp", "avif"])
def test_quality_buys_fidelity(form):
    """A higher quality is nearer to the picture, and a smooth picture comes back nearly as it was."""

    def error(quality):
        encoding = f"{form}{quality}"
        return np.abs(decode_picture(encode_picture(PIXELS, encoding), 12, 20, encoding) - PIXELS.astype(int)).mean()

    smooth = decode_picture(encode_picture(SMOOTH, f"{form}95"), 12, 20, f"{form}95")

    assert error(95) < error(10)
    assert np.abs(smooth - SMOOTH.astype(int)).mean() < 4


@pytest.mark.parametrize("encoding", ["jpeg", "jpeg0", "jpeg101", "gif80", "", "raw5", "JPEG85"])
def test_unknown_encodings_are_refused(encoding):
    """The sentence says what there is."""
    with pytest.raises(JanusError, match="choose raw, png, or one of jpeg, webp, avif"):
        check_encoding(encoding)


@pytest.mark.parametrize(
    ("data", "encoding", "words"),
    [
        (b"abc", "raw", "3 bytes are not 12 x 20 x 3"),
        (b"not a picture", "png", "not a whole PNG"),
        (encode_picture(PIXELS, "png")[:-40], "png", "not a whole PNG"),
        (encode_picture(PIXELS, "jpeg85")[:200], "jpeg85", "not a whole JPEG"),
        (encode_picture(PIXELS[:8], "png"), "png", "it is 20 x 8 where 20 x 12 is needed"),
        (encode_picture(PIXELS, "png"), "jpeg85", "not a whole JPEG"),
    ],
)
def test_what_is_no_such_picture_is_refused(data, encoding, words):
    """Wrong length, wrong format, truncated and wrongly sized pictures are refused."""
    with pytest.raises(JanusError, match=words):
        decode_picture(data, 12, 20, encoding)


def test_an_avif_that_lies_about_its_size_comes_out_at_the_size_that_was_asked_for():
    """Its stream is larger than its header says: the claim was checked, and nothing larger gets through."""
    file = io.BytesIO()
    Image.new("RGB", (64, 48), (10, 200, 30)).save(file, "AVIF")
    forged = bytearray(file.getvalue())
    at = forged.find(b"ispe")
    forged[at + 8 : at + 16] = (16).to_bytes(4, "big") * 2

    try:
        pixels = decode_picture(bytes(forged), 16, 16, "avif85")
    except JanusError as why:
        assert "refused" in str(why)
    else:
        assert pixels.shape == (16, 16, 3)
