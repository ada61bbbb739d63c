"""Small random models of transformers, with norms, biases and positions made non-trivial."""

import torch

SIZES = {
    "tiny": {"hidden_size": 192, "num_attention_heads": 3, "num_hidden_layers": 12, "intermediate_size": 768},
    "small": {"hidden_size": 384, "num_attention_heads": 6, "num_hidden_layers": 12, "intermediate_size": 1536},
    "base": {"hidden_size": 768, "num_attention_heads": 12, "num_hidden_layers": 12, "intermediate_size": 3072},
}
MINI = {"hidden_size": 48, "num_attention_heads": 3, "num_hidden_layers": 4, "intermediate_size": 96}


def randomise(model, seed=0):
    """The model in eval mode with every parameter random, so that no norm or position is trivially 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in key and key.endswith("weight"):
                parameter.copy_(1 + 0.3 * noise)
            elif parameter.ndim == 1:
                parameter.copy_(0.1 * noise)
            elif "position" in key or "token" in key:
                parameter.copy_(0.5 * noise)
            else:
                parameter.copy_(noise / parameter[0].numel() ** 0.5)
    return model.eval()


def yolos(size="mini", **changes):
    """A YolosForObjectDetection of this geometry on pictures of 64 x 96 pixels."""
    from transformers import YolosConfig, YolosForObjectDetection

    given = MINI if size == "mini" else SIZES[size]
    own = {"image_size": [64, 96], "patch_size": 8 if size == "mini" else 16, "num_labels": 91}
    own |= {"num_detection_tokens": 7 if size == "mini" else 100, "use_mid_position_embeddings": size != "tiny"}
    return randomise(YolosForObjectDetection(YolosConfig(**(given | own | changes))))


def videomae(size="mini", **changes):
    """A VideoMAEForVideoClassification of this geometry on clips of 4 pictures."""
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification

    given = MINI if size == "mini" else SIZES[size]
    own = {"image_size": 32 if size == "mini" else 64, "patch_size": 8 if size == "mini" else 16, "num_frames": 4}
    return randomise(VideoMAEForVideoClassification(VideoMAEConfig(**(given | own | {"num_labels": 20} | changes))))


def noise(*shape, seed=1):
    """Random normalised input."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def relative(actual, expected):
    """Largest difference over the largest magnitude."""
    return ((actual - expected).abs().max() / expected.abs().max()).item()


def in_threads(vit, images, levels, work):
    """Levels whose answer on some thread was not the one computed alone."""
    import threading

    expected, wrong = [work(vit, images, level) for level in levels], []

    def run(level, answer):
        with torch.inference_mode():
            for _ in range(8):
                if not torch.equal(work(vit, images, level), answer):
                    wrong.append(level)

    threads = [threading.Thread(target=run, args=pair) for pair in zip(levels, expected, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong
