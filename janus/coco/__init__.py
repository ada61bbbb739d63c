"""Detection on COCO: images with boxes from YOLO labels, COCO's JSON or the hub, box decoding, and COCO's mAP."""

from janus.coco.average_precision import CocoFigures, CocoMap, truth_as_detections
from janus.coco.boxes import decode_boxes, encode_truth
from janus.coco.compare import ComparedDetector, compare_detection
from janus.coco.demo import DEMO_IDS, DEMO_NAMES, open_demo_boxes
from janus.coco.evaluate import DetectionRunning, evaluate_detection
from janus.coco.look import box_shift, compare_levels, follow_picture
from janus.coco.resize import DetectionPreprocess
from janus.coco.source import open_detection
from janus.coco.truth import Detections, DetectionSet, Sample, Truth, make_truth

__all__ = [
    "DEMO_IDS",
    "DEMO_NAMES",
    "CocoFigures",
    "CocoMap",
    "ComparedDetector",
    "DetectionPreprocess",
    "DetectionRunning",
    "DetectionSet",
    "Detections",
    "Sample",
    "Truth",
    "box_shift",
    "compare_detection",
    "compare_levels",
    "decode_boxes",
    "encode_truth",
    "evaluate_detection",
    "follow_picture",
    "make_truth",
    "open_demo_boxes",
    "open_detection",
    "truth_as_detections",
]
