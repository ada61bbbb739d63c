"""Readers of traces: what they read, byte for byte, and what they refuse, with file, line and remedy."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from janus.errors import JanusError, JanusWarning
from janus.network import Trace, load_nuwins, read_trace, read_traces, trace_csv, write_trace

RATES = st.lists(st.floats(0, 1e4), min_size=1, max_size=30)


@pytest.fixture
def written(tmp_path):
    """A function that writes a file and gives its path."""

    def write(content: str | bytes, name: str = "trace.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@given(RATES, st.booleans(), st.floats(0.01, 10))
def test_a_written_trace_reads_back_to_the_last_bit(tmp_path_factory, rates, with_rtt, step):
    """Rates, times, round-trip times and what is known survive the CSV."""
    trace = Trace(
        name="round trip",
        time_s=np.arange(len(rates)) * step,
        uplink_mbps=rates,
        rtt_ms=np.array(rates) / 3 if with_rtt else None,
        duration_s=len(rates) * step,
        source="a test: with a colon",
        direction="downlink",
        licence="none",
        kind="generated",
    )
    path = tmp_path_factory.getbasetemp() / "round.csv"
    write_trace(trace, path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JanusWarning)
        back = read_trace(path)

    assert back.uplink_mbps.tolist() == trace.uplink_mbps.tolist()
    assert back.edges_s.tolist() == trace.edges_s.tolist()
    assert (back.rtt_ms is None) == (not with_rtt)
    assert not with_rtt or back.rtt_ms.tolist() == trace.rtt_ms.tolist()
    for field in ("name", "source", "direction", "licence", "kind"):
        assert getattr(back, field) == getattr(trace, field)


@given(
    st.lists(st.integers(0, 3000), min_size=1, max_size=60).filter(lambda stamps: max(stamps) > 0), st.floats(0.001, 2)
)
def test_a_packet_file_keeps_every_packet(tmp_path_factory, stamps, step_s):
    """However the packets are binned, the trace carries 1500 bytes for each and lasts until the last."""
    path = tmp_path_factory.getbasetemp() / "packets.up"
    path.write_text("\n".join(map(str, sorted(stamps))) + "\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JanusWarning)
        trace = read_trace(path, step_s=step_s)

    assert trace.capacity_bytes(0, trace.duration_s) == pytest.approx(1500 * len(stamps))
    assert trace.duration_s == pytest.approx(max(stamps) / 1000)
    assert trace.direction == "uplink"


def test_one_packet_a_millisecond_is_12_mbps(written):
    """The README of Mahimahi: a file that holds just a 1 is a link of 12 Mbit/s."""
    assert read_trace(written("1\n")).uplink_mbps.tolist() == pytest.approx([12.0])


@pytest.mark.parametrize(
    "text", ["5 1.5\n5.2 0\n5.4 3\n", "5,1.5\n5.2,0\n5.4,3", "# note\r\n5\t1.5\r\n5.2  0\r\n5.4 3\r\n"]
)
def test_two_columns_by_blank_tab_or_comma(written, text):
    """Seconds and Mbit/s; the clock starts at 0, the last rate holds for the median step."""
    trace = read_trace(written(text))

    assert trace.uplink_mbps.tolist() == [1.5, 0, 3]
    assert trace.edges_s == pytest.approx([0, 0.2, 0.4, 0.6])
    assert trace.direction == "unknown"


def test_csv_columns_in_any_order(written):
    """Named columns; others are ignored, and the trace says so."""
    trace = read_trace(written("rtt_ms,note,time_s,uplink_mbps\n30,1,0,5\n40,1,1,6\n", "bus.csv"))

    assert (trace.name, trace.uplink_mbps.tolist(), trace.rtt_ms.tolist()) == ("bus", [5, 6], [30, 40])
    assert trace.notes == ("bus.csv: columns note are ignored",)


@pytest.mark.parametrize("column", ("-95", "-71.05", "cell 7", "", '"5, north"', "nan"))
def test_what_is_ignored_may_hold_anything(written, column):
    """Signal strengths, longitudes, names and gaps stand beside the rates in recorded traces; quotes are understood."""
    trace = read_trace(written(f'"time_s",other,"uplink_mbps"\n0,{column},5\n1,{column},6\n', "bus.csv"))

    assert trace.uplink_mbps.tolist() == [5, 6]
    with pytest.raises(JanusError, match="line 3: 2 entries instead of 3"):
        read_trace(written("time_s,other,uplink_mbps\n0,1,5\n1,6\n"))


FOUR_LINES = """
####
Run 1
0.1,0.2,0.3
10,0,0
0.25,0.45,0.35,0.31
1,2,4,8
"""


def test_two_legs_are_added_by_slot(written):
    """Stamps of the LTE leg out of order, two in one slot: every value counts once, in its slot."""
    trace = read_trace(written(FOUR_LINES, "x.list"))

    assert trace.uplink_mbps.tolist() == [10, 1, 12, 2]
    assert trace.duration_s == pytest.approx(0.4)
    assert "1 stamps out of order" not in trace.notes[0]
    assert "2 stamps out of order" in trace.notes[0]


def test_runs_are_joined_and_a_repeated_one_is_left_out(written):
    """One line a run, 0.1 s each; the same numbers again are a copy, and that is said."""
    path = written("####\nRun 1\n1,2\n####\nRun 2\n3\nRun 3\n1,2\n")
    with pytest.warns(JanusWarning, match=r"line 7: run 3 repeats run 1 \(line 2\)"):
        trace = read_trace(path)

    assert trace.uplink_mbps.tolist() == [1, 2, 3]
    assert trace.time_s == pytest.approx([0, 0.1, 0.2])
    with pytest.warns(JanusWarning):
        assert [run.name for run in read_traces(path)] == ["trace-run-1", "trace-run-2"]


def test_files_of_a_series_are_joined_where_their_times_go_on(written):
    """_2 goes on from _1, after _10 in no list; a file with its own clock stays by itself."""
    written("0 1\n1 2\n", "set/wifi_1.t")
    written("2 3\n3 4\n", "set/wifi_2.t")
    written("4 5\n5 6\n", "set/wifi_10.t")
    written("0 7\n1 8\n", "set/bus_1.t")
    written("0 9\n1 10\n", "set/bus_2.t")
    folder = written("not a trace", "set/README").parent

    found = {trace.name: trace.uplink_mbps.tolist() for trace in read_traces(folder)}

    assert found == {"wifi": [1, 2, 3, 4, 5, 6], "bus_1": [7, 8], "bus_2": [9, 10]}


def test_uplinks_are_taken_unless_downlinks_are_asked_for(written):
    """*.up and *.down side by side."""
    written("5\n", "set/a.up")
    folder = written("9\n", "set/a.down").parent

    assert [t.name for t in read_traces(folder)] == ["a"]
    assert [t.name for t in read_traces(folder, direction="downlink")] == ["a.down"]
    assert [t.name for t in read_traces(folder, direction=None)] == ["a.down", "a"]


def test_a_class_gets_the_pings_of_its_folder(written):
    """Round-trip times come from the ping lists in order, again from the start where they end."""
    written("Run 1\n5,6,7\n", "throughput/walking/lte/away.list")
    root = written("Run 1\n30,40\n", "ping/walking/lte/away.list").parents[3]

    trace = load_nuwins(root, "walking", "lte")

    assert (trace.name, trace.direction, trace.rtt_ms.tolist()) == ("lte-walking", "uplink", [30, 40, 30])
    assert [found.name for found in read_traces(root)] == ["lte-walking"]
    with pytest.raises(JanusError, match="network '6g'"):
        load_nuwins(root, "walking", "6g")
    with pytest.raises(JanusError, match="driving"):
        load_nuwins(root, "driving", "lte")


BAD = {
    "negative rate": ("0 5\n1 -5\n", r"line 2: Mbit/s is '-5', below 0; correct"),
    "negative time": ("-1 5\n1 5\n", "line 1: time in s is '-1', below 0"),
    "missing entry": ("0,5\n1,\n", "line 2: Mbit/s is missing; fill it in"),
    "missing column": ("0 5\n1\n", "line 2: 1 entries instead of 2"),
    "blank line": ("0 5\n\n2 5\n", "line 2: the line is blank"),
    "not a number": ("0 5\n1 fast\n", "line 2: Mbit/s is 'fast', not a finite number; write a number"),
    "NaN": ("0 5\n1 nan\n", "line 2: Mbit/s is 'nan', not a finite number; remove"),
    "infinity": ("0 5\n1 inf\n", "line 2: Mbit/s is 'inf'"),
    "too large": ("0 5\n1 1e999\n", "line 2: Mbit/s is '1e999', beyond every number"),
    "python only": ("0 5\n1 1_0\n", "line 2: Mbit/s is '1_0'"),
    "unsorted": ("0 5\n2 5\n1 5\n", "line 3: time 1 is before that of the line above; sort"),
    "twice the same time": ("0 5\n1 5\n1 5\n", "line 3: time 1 is the same as that of the line above; keep one"),
    "one entry only": ("0 5\n", "line 1: a single entry"),
    "empty": ("", "line 1: the file is empty"),
    "blanks only": (" \n\n", "the file is empty"),
    "byte-order mark": (b"\xef\xbb\xbf0 5\n1 5\n", "line 1: begins with a byte-order mark; save the file as UTF-8"),
    "UTF-16": ("0 5\n1 5\n".encode("utf-16"), "byte-order mark"),
    "binary": (b"0 5\n\x00\x01\x02", "line 2: holds binary data"),
    "gzip": (b"\x1f\x8b\x08abc", "line 1: is compressed; unpack it first"),
    "not UTF-8": (b"0 5\n1 \xff5\n", "line 2: is not UTF-8"),
    "prose": ("hello world\n", "line 1: neither numbers nor a header"),
    "three columns": ("0 5 30\n1 5 30\n", "line 1: 3 entries, where a trace has one or two"),
    "code": ("__import__('os').getcwd()\n", "line 1"),
    "comments only": ("# a\n# b\n", "line 3"),
    "packets unsorted": ("5\n4\n", "line 2: time 4 is before"),
    "packets negative": ("5\n-6\n", "line 2: time in ms is '-6'"),
    "packets broken": ("5\n6.5\n", "line 2: time 6.5 is no whole millisecond"),
    "packets at 0": ("0\n0\n", "line 2: all packets are at 0 ms"),
    "packets in another age": ("5\n99999999999999\n", "line 2: time 1e[+]14 ms is too far out"),
    "csv without time": ("uplink_mbps\n5\n", "line 1: the header has 0 columns time_s"),
    "csv with a column twice": ("time_s,uplink_mbps,time_s\n0,5,0\n", "line 1: the header has 2 columns time_s"),
    "csv without rows": ("time_s,uplink_mbps\n", "line 1: no row after the header"),
    "csv negative": ("# x\ntime_s,uplink_mbps\n0,5\n1,-5\n", "line 4: uplink_mbps is '-5'"),
    "csv short row": ("time_s,uplink_mbps,rtt_ms\n0,5,30\n1,5\n", "line 3: 2 entries instead of 3"),
    "csv direction": ("# direction: up\ntime_s,uplink_mbps\n0,5\n1,5\n", "line 1: direction 'up' is unknown"),
    "csv duration": ("# duration_s: 1\ntime_s,uplink_mbps\n0,5\n1,5\n", "line 4: the last time is not before"),
    "csv duration in words": ("# duration_s: long\ntime_s,uplink_mbps\n0,5\n1,5\n", "line 1: duration_s is 'long'"),
    "csv name with a path": ("# name: ../../x\ntime_s,uplink_mbps\n0,5\n1,5\n", "line 1: name"),
    "run negative": ("Run 1\n5,-5\n", "line 2: entry 2 is '-5', below 0"),
    "run missing": ("Run 1\n5,,5\n", "line 2: entry 2 is missing"),
    "run python only": ("Run 1\n5,1_0\n", "line 2: entry 2 is '1_0', not a finite number"),
    "run in other digits": ("Run 1\n5,\u0661\n", "line 2: entry 2 is .* not a finite number"),
    "run NaN": ("####\nRun 1\n5,NaN\n", "line 3: entry 2 is 'NaN'"),
    "run of two lines": ("Run 1\n5,5\n5,5\n", "line 1: run 1 has 2 lines of numbers; give one"),
    "run without numbers": ("Run 1\nRun 2\n5\n", "line 1: run 1 has 0 lines"),
    "numbers before a run": ("####\n5,5\n", "line 2: numbers come before the first run"),
    "separators only": ("####\n", "line 1: the file holds no run"),
    "legs of other lengths": ("Run 1\n0.1,0.2\n5\n0.1\n5\n", "line 3: 1 values for 2 time stamps"),
    "stamps in another age": ("Run 1\n0.1\n5\n9e15\n5\n", "line 4: time stamp 9e[+]15 s is too far out"),
}


@pytest.mark.parametrize("content,says", BAD.values(), ids=BAD)
def test_a_bad_file_is_one_sentence_with_file_line_and_remedy(written, content, says):
    """Nothing is repaired in silence."""
    path = written(content)
    with pytest.raises(JanusError, match=says) as told:
        read_trace(path)

    message = str(told.value)
    assert message.startswith(f"{path}, line ")
    assert message.endswith(".")
    assert ";" in message
    assert "\n" not in message


def test_no_file_no_folder_no_pipe_no_giant(tmp_path):
    """A path that is absent, a folder, a pipe or too large is refused at once."""
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "giant", "wb") as file:
        file.truncate(10**12)
    for name, says in (("absent", "No such file"), ("", "is a folder"), ("pipe", "plain file"), ("giant", "cut the")):
        with pytest.raises(JanusError, match=says):
            read_trace(tmp_path / name)
    with pytest.raises(JanusError, match="holds no trace"):
        (tmp_path / "nothing").mkdir()
        read_traces(tmp_path / "nothing")
    with pytest.raises(JanusError, match="format 'json' is unknown: choose one of mahimahi"):
        read_trace(tmp_path / "absent", format="json")


def test_kilobits_by_mistake_are_warned_of(written):
    """A mean above 10 Gbit/s is read, with a warning that names the likely mistake."""
    with pytest.warns(JanusWarning, match="over 10 Gbit/s; if the file is in kbit/s, divide it by 1000"):
        trace = read_trace(written("0 20000\n1 30000\n"))

    assert trace.uplink_mbps.tolist() == [20000, 30000]


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    """No text makes a reader fail in any other way."""
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JanusWarning)
        try:
            assert read_trace(path).duration_s > 0
        except JanusError as why:
            assert str(why).startswith(str(path))


def test_rounding_in_the_writer_is_the_callers_choice():
    """Two decimals make small files; the text still reads."""
    trace = replace(Trace.constant(1 / 3), name="third")
    text = trace_csv(trace, decimals=2, comments=("a note",))

    assert text.splitlines()[0] == "# a note"
    assert text.splitlines()[-1] == "0.0,0.33"


def test_the_recorded_sets_come_out_as_their_authors_describe(shared):
    """Six classes of the uplink set with the medians of its pings, LTE uplinks only, WiFi series of 1.3 hours."""
    with pytest.warns(JanusWarning, match="away.list, line 17: run 6 repeats run 4"):
        classes = {trace.name: trace for trace in read_traces(shared / "traces" / "nuwins_5gmemu_uplink")}
    lte = read_traces(shared / "traces" / "mahimahi_lte")
    wifi = {trace.name: trace for trace in read_traces(shared / "traces" / "zhuge_wifi_xu")}

    assert sorted(classes) == ["5g-driving", "5g-static", "5g-walking", "lte-driving", "lte-static", "lte-walking"]
    # provenance.txt, and the sum of both legs of the eight driving runs.
    assert np.median(classes["lte-driving"].rtt_ms) == pytest.approx(33.2)
    assert classes["5g-driving"].duration_s == pytest.approx(4091.3)
    assert classes["5g-driving"].mean_mbps == pytest.approx(38.35, abs=0.01)
    assert len(classes["lte-walking"]) == 5764 - 531 + 3692 + 5711
    assert all(trace.direction == "uplink" and trace.licence == "GPL-3.0" for trace in lte)
    assert len(lte) == 4
    assert sorted(wifi) == ["office-wifi", "rest-wifi", "xu4g", "xu5g"]
    assert wifi["office-wifi"].duration_s == pytest.approx(4688.97, abs=0.3)
