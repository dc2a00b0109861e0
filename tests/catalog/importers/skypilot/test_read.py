"""Where a price file is found, and the cloud it is of."""

import pytest

from planner.catalog.importers.record import Settings
from planner.catalog.importers.skypilot import read
from planner.errors import InputError
from tests.catalog.importers.skypilot.price_files import AS_OF, HEADER, prices


def test_line_with_both_prices_becomes_an_on_demand_and_a_spot_offer(import_text):
    imported = import_text("big,H100,8.0,208,1872,55.04,17.5,us-east-1,use1-az1,", cloud="aws")

    assert prices(imported) == {
        ("big", "us-east-1", "on_demand"): 55.04,
        ("big", "us-east-1", "spot"): 17.5,
    }
    assert {(o.provider, o.accelerator, o.accelerators) for o in imported.rows["offers"]} == {
        ("aws", "h100-sxm", 8)
    }
    assert imported.rejected == ()


def test_every_offer_carries_source_and_date(import_text):
    offers = import_text("big,H100,8,,,55,17,us,a,", cloud="aws").rows["offers"]

    assert {(o.source, o.as_of, o.valid_from) for o in offers} == {
        ("SkyPilot catalogue, aws/vms.csv", AS_OF, AS_OF)
    }


def test_option_cloud_wins_over_the_folder_name(import_text, tmp_path, catalog):
    named_by_folder = import_text("big,H100,8,,,55,17,us,a,", cloud="lambda")

    named = read(tmp_path / "lambda", Settings(catalog, AS_OF, {"cloud": "acme"}))

    assert {o.provider for o in named_by_folder.rows["offers"]} == {"lambda"}
    assert named_by_folder.notes[0] == "provider `lambda`, the name of the folder of the file"
    assert {o.provider for o in named.rows["offers"]} == {"acme"}
    assert named.notes[0] == "provider `acme`, as --option cloud says"


def test_cloud_can_be_given_as_an_option(tmp_path, catalog):
    path = tmp_path / "prices.csv"
    path.write_text(f"{HEADER}\nbig,H100,8,,,55,17,us,a,\n")

    imported = read(path, Settings(catalog, AS_OF, {"cloud": "Lambda"}))

    assert {o.provider for o in imported.rows["offers"]} == {"lambda"}


@pytest.mark.parametrize("folder", ["im", "downloads", "my cloud"])
def test_folder_that_names_no_provider_is_refused_with_the_option(import_text, folder):
    with pytest.raises(InputError, match=f"folder `{folder}` has the name of no .* cloud=NAME"):
        import_text("big,H100,8,,,55,17,us,a,", cloud=folder)


def test_folder_may_name_a_provider_of_the_catalogue(tmp_path, world, row):
    known = world(
        accelerators=[row("accelerators", id="h100")], offers=[row("offers", provider="acme")]
    )
    (tmp_path / "Acme").mkdir()
    (tmp_path / "Acme" / "vms.csv").write_text(f"{HEADER}\nbig,H100,8,,,55,,us,a,\n")

    imported = read(tmp_path / "Acme", Settings(known, AS_OF))

    assert {o.provider for o in imported.rows["offers"]} == {"acme"}


@pytest.mark.parametrize("cloud", ["", "my cloud", "-x"])
def test_option_cloud_that_is_no_key_is_an_error(tmp_path, catalog, cloud):
    path = tmp_path / "vms.csv"
    path.write_text(f"{HEADER}\nbig,H100,8,,,55,17,us,a,\n")

    with pytest.raises(InputError, match=r"--option cloud\n    `.*` is no name of a provider"):
        read(path, Settings(catalog, AS_OF, {"cloud": cloud}))


def test_folder_stands_for_the_price_file_in_it(import_text, tmp_path, catalog):
    from_file = import_text("big,H100,8,,,55,17,us,a,")

    from_folder = read(tmp_path / "gcp", Settings(catalog, AS_OF))

    assert from_folder == from_file
