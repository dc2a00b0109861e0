"""Changed, damaged and shuffled configs."""

import contextlib
import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from planner.catalog.importers.huggingface import read
from planner.catalog.importers.record import Settings, table_text
from planner.errors import InputError
from planner.perf.arch import total_params
from tests.catalog.importers.huggingface.configs import (
    AS_OF,
    DENSE,
    LATENT,
    MIXTURE,
    WINDOWED,
    architecture,
)

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 300),
    st.floats(),
    st.text(max_size=4),
    st.lists(st.sampled_from(["full_attention", "linear_attention", "x", 0, 1, None]), max_size=5),
    st.dictionaries(st.sampled_from(["quant_method", "a"]), st.none(), max_size=1),
)
FIELDS = st.sampled_from(
    [
        *DENSE,
        *LATENT,
        *WINDOWED,
        *MIXTURE,
        "text_config",
        "quantization_config",
        "moe_layer_freq",
        "mlp_layer_types",
        "attn_type_list",
        "use_sliding_window",
        "_name_or_path",
        "linear_x",
    ]
)


def _imported(text, catalog):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        path.write_bytes(text)
        return read(path, Settings(catalog, AS_OF, {"id": "m", "repo": "a/m"}))


@settings(max_examples=150, deadline=None)
@given(
    base=st.sampled_from([DENSE, MIXTURE, LATENT, WINDOWED, {}]),
    changes=st.dictionaries(FIELDS, VALUES, max_size=6),
)
def test_changed_config_gives_a_usable_row_or_one_rejection(catalog, base, changes):
    imported = _imported(json.dumps(base | changes).encode(), catalog)

    assert len(imported.rows["models"]) + len(imported.rejected) == 1
    assert all(total_params(architecture(m)) > 0 for m in imported.rows["models"])


@settings(max_examples=100, deadline=None)
@given(cut=st.integers(0, 600), noise=st.binary(max_size=6))
def test_damaged_file_fails_only_with_its_own_error(catalog, cut, noise):
    data = json.dumps(LATENT).encode()

    with contextlib.suppress(InputError):
        imported = _imported(data[: len(data) - cut] + noise, catalog)
        assert len(imported.rows["models"]) + len(imported.rejected) == 1


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(list(LATENT)))
def test_order_of_fields_does_not_change_the_row(catalog, order):
    shuffled = {name: LATENT[name] for name in order}

    first, second = (
        _imported(json.dumps(config).encode(), catalog).rows["models"]
        for config in (LATENT, shuffled)
    )

    assert table_text("models", first) == table_text("models", second)
