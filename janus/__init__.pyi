# The public names of Janus, and the only list of them: lazy_loader reads it at run time, type checkers and editors read
# it as a stub.
from .clips import compare_clips as compare_clips
from .clips import evaluate_clips as evaluate_clips
from .clips import open_clips as open_clips
from .coco import compare_detection as compare_detection
from .coco import evaluate_detection as evaluate_detection
from .coco import open_detection as open_detection
from .codec import decode as decode
from .codec import encode as encode
from .configuration import Configuration as Configuration
from .data import open_images as open_images
from .errors import JanusError as JanusError
from .errors import JanusWarning as JanusWarning
from .explorer import Explorer as Explorer
from .explorer import about as about
from .grid import GridSettings as GridSettings
from .grid import PlanGrid as PlanGrid
from .merging import TokenState as TokenState
from .models import create_model as create_model
from .models import load_model as load_model
from .network import Trace as Trace
from .network import generate_trace as generate_trace
from .network import load_traces as load_traces
from .network import make_estimator as make_estimator
from .network import read_trace as read_trace
from .paired import PairedDifference as PairedDifference
from .paired import paired_difference as paired_difference
from .policy import make_policy as make_policy
from .preprocess import preprocess_for as preprocess_for
from .profile import LatencyProfile as LatencyProfile
from .profile import find_profile as find_profile
from .profiling import measure_profile as measure_profile
from .runtime.pair import LocalPair as LocalPair
from .runtime.session import RunSettings as RunSettings
from .schedule import MergePlan as MergePlan
from .schedule import MergeSchedule as MergeSchedule
from .simulate import ReplaySettings as ReplaySettings
from .simulate import replay as replay
from .simulate import summarise as summarise
from .simulate import sweep as sweep
from .split import Plan as Plan
from .split import fine_to_coarse as fine_to_coarse
from .vit import OpenViT as OpenViT
from .vit import open_vit as open_vit

__version__: str
