"""The merge itself: conservation, protection, and the source map."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from janus.errors import JanusError
from janus.merging import TokenState, attention_bias, merge, merging_as_product


@st.composite
def states(draw):
    """A random state, protected tokens anywhere, with a metric and a number to remove."""
    n, batch = draw(st.integers(2, 40)), draw(st.integers(1, 3))
    protected = tuple(sorted(draw(st.sets(st.integers(0, n - 1), max_size=min(4, n - 1)))))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    x = torch.randn(batch, n, 6, generator=generator, dtype=torch.float64)
    metric = torch.randn(batch, n, 4, generator=generator)
    return TokenState(x=x, protected=protected), metric, draw(st.integers(0, n))


@given(states())
def test_merging_conserves_and_protects(case):
    """Sizes and the size-weighted sum stay, counts are as asked, protected tokens come out untouched."""
    state, metric, r = case
    free = state.n_tokens - len(state.protected)

    merged = merge(state.with_source(), metric, r)

    assert merged.n_tokens == state.n_tokens - min(r, free // 2)
    if merged.sizes is not None:
        assert merged.protected == tuple(range(len(state.protected)))
        torch.testing.assert_close(merged.sizes.sum(1), torch.full((len(state.x),), float(state.n_tokens)))
        torch.testing.assert_close((merged.x * merged.sizes[..., None]).sum(1), state.x.sum(1))
        torch.testing.assert_close(merged.x[:, : len(state.protected)], state.x[:, list(state.protected)])


@given(states(), st.integers(0, 20))
def test_the_source_map_says_where_each_patch_went(case, again):
    """After two merges each token is the mean of the patches that the source map sends to it."""
    state, metric, r = case
    free = [i for i in range(state.n_tokens) if i not in state.protected]

    merged = merge(state.with_source(), metric, r)
    merged = merge(merged, merged.x[..., :4].float(), again)

    for b in range(len(state.x)):
        for token in set(merged.source[b].tolist()):
            members = [patch for patch, where in zip(free, merged.source[b].tolist(), strict=True) if where == token]
            torch.testing.assert_close(merged.x[b, token], state.x[b, members].mean(0))
            if merged.sizes is not None:
                assert merged.sizes[b, token] == len(members)


def test_the_most_similar_pair_merges():
    """With r = 1 the pair with the highest cosine merges, whatever the scale of the metric."""
    x = torch.arange(4.0)[None, :, None]
    metric = torch.tensor([[[1.0, 0], [0, 1.0], [5.0, 0.1], [0.3, -1.0]]])

    merged = merge(TokenState(x=x, protected=()), metric, 1)

    # Proposing set: tokens 1 and 3; partners: 0 and 2. Token 3 is nearer to 0 (cosine .29) than any other pair.
    assert merged.x.flatten().tolist() == [1.0, 1.5, 2.0]
    assert merged.sizes.tolist() == [[1, 2, 1]]


def test_sizes_weigh():
    """A token of size 3 counts three times."""
    state = TokenState(x=torch.tensor([[[0.0], [4.0]]]), sizes=torch.tensor([[3.0, 1.0]]), protected=())

    merged = merge(state, torch.ones(1, 2, 1), 1)

    assert merged.x.item() == 1.0
    assert merged.sizes.item() == 4.0


def test_equal_patches_merge_alike_in_any_batch():
    """Ties are broken by position, so a blank picture merges the same alone and in a batch."""
    blank = TokenState(x=torch.arange(20.0).reshape(1, 20, 1))
    both = TokenState(x=blank.x.repeat(3, 1, 1))

    alone, batch = (merge(s, torch.ones(len(s.x), 20, 2), 4) for s in (blank, both))

    assert torch.equal(batch.x, alone.x.repeat(3, 1, 1))


def test_proportional_attention_counts_a_token_as_its_patches():
    """Attention over a token of size 2 equals attention over two copies of it."""
    q, k = torch.randn(1, 1, 5, 8), torch.randn(1, 1, 3, 8)
    state = TokenState(x=torch.randn(1, 3, 8), sizes=torch.tensor([[1.0, 2.0, 1.0]]))
    doubled = k[:, :, [0, 1, 1, 2]]

    attention = torch.nn.functional.scaled_dot_product_attention
    merged = attention(q, k, k, attn_mask=attention_bias(state))
    copied = attention(q, doubled, doubled)

    torch.testing.assert_close(merged, copied)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda s: merge(s, torch.ones(1, 4, 2), -1), "r -1 is negative"),
        (lambda s: merge(s, torch.ones(1, 3, 2), 1), "a row for each token"),
        (lambda s: merge(s, torch.ones(1, 4, 2), 1).with_source(), "before the first merge"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    """What is wrong is named."""
    with pytest.raises(JanusError, match=words):
        call(TokenState(x=torch.randn(1, 4, 2)))


@given(states(), st.booleans())
def test_merging_as_a_product_is_the_same_merge(case, coarse):
    """The same pairs, also where many are equally alike, and the same averages to rounding; twice over."""
    state, metric, r = case
    if coarse:
        metric = metric.round()

    def twice():
        merged = merge(state.with_source(), metric, r)
        again = merged.x[..., :4].float()
        return merge(merged, again.round() if coarse else again, 3)

    merged = twice()
    with merging_as_product():
        product = twice()

    assert torch.equal(product.source, merged.source)
    assert (product.sizes is None) == (merged.sizes is None)
    if merged.sizes is not None:
        assert torch.equal(product.sizes, merged.sizes)
    torch.testing.assert_close(product.x, merged.x, atol=1e-6, rtol=1e-5)
