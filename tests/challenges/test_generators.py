"""Keys, the drawn digits, the invented city and the little pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from challenges._generators import city
from challenges._generators.digits import SIZE, draw_digits
from challenges._generators.keys import Keys
from challenges._generators.pictures import save_scatter, save_sheet, shade
from challenges._generators.slices import name_slant

KEYS = Keys(b"k" * 32, "demo", 1)


def test_a_stream_repeats_for_its_purpose_and_for_nothing_else():
    first = KEYS.rng("test/labels").integers(0, 1 << 60, 4).tolist()
    assert KEYS.rng("test/labels").integers(0, 1 << 60, 4).tolist() == first
    others = [
        KEYS.rng("train/labels"),
        Keys(b"k" * 32, "demo", 2).rng("test/labels"),
        Keys(b"k" * 32, "demo2", 1).rng("test/labels"),
        Keys(b"l" * 32, "demo", 1).rng("test/labels"),
    ]
    assert all(not set(rng.integers(0, 1 << 60, 4).tolist()) & set(first) for rng in others)


def test_keys_do_not_show_their_secret():
    assert "kkk" not in repr(KEYS)
    assert len(KEYS.key("split")) == 32
    assert KEYS.key("split") != KEYS.key("ids")


def test_ids_are_distinct_and_begin_with_a_letter():
    ids = KEYS.ids(5000)
    assert len(set(ids)) == len(ids) == 5000
    assert all(len(i) == 8 and i[0] in "abcdef" and int(i, 16) >= 0 for i in ids)
    assert KEYS.ids(10) == ids[:10]
    assert KEYS.ids(0) == []


def draw(labels: list[int], hardness: float = 1.0) -> np.ndarray:
    return draw_digits(np.array(labels, dtype=np.uint8), KEYS.rng("shapes"), KEYS.rng("noise"), hardness)


def test_digits_are_ink_on_paper_of_the_right_size():
    images = draw(list(range(10)) * 20)
    assert images.shape == (200, SIZE, SIZE)
    assert images.dtype == np.uint8
    ink = (images > 100).mean((1, 2))
    assert (ink > 0.01).all()
    assert (ink < 0.5).all()
    assert len(np.unique(images.reshape(200, -1), axis=0)) == 200


def test_equal_streams_draw_equal_digits():
    assert (draw([3, 1, 4] * 50) == draw([3, 1, 4] * 50)).all()


def test_tidier_digits_are_more_alike():
    def spread(hardness: float) -> float:
        return float(draw([0] * 200, hardness).astype(float).std(0).mean())

    assert spread(0.2) < spread(1.0)


def test_no_digits_can_be_drawn_too():
    assert draw([]).shape == (0, SIZE, SIZE)


def test_cities_differ_in_where_but_not_in_how_much_places_differ():
    flats = city.build_flats(3000, KEYS.rng("rows"))
    spreads = []
    for name in ("one", "two", "three"):
        town = city.found_city(KEYS.rng(name))
        surveyed = city.survey(town, flats)
        spreads.append(float(city._place(town, surveyed).std()))
        assert surveyed["district"].n_unique() == city.DISTRICTS
    assert spreads == pytest.approx([city.PLACE] * 3, rel=0.06)
    assert len(set(spreads)) == 3


def test_flats_make_sense():
    flats = city.survey(city.found_city(KEYS.rng("city")), city.build_flats(2000, KEYS.rng("rows")))
    assert (flats["floor"] <= flats["total_floors"]).all()
    assert flats["floor"].min() == 1
    assert flats["area"].is_between(22, 420).all()
    assert (flats.filter(flats["total_floors"] > 6)["elevator"] == 1).all()
    assert (flats["metro_km"] >= 0).all()


def test_prices_grow_with_the_area_and_are_whole_hundreds():
    town = city.found_city(KEYS.rng("city"))
    flats = city.survey(town, city.build_flats(2000, KEYS.rng("rows")))
    prices = city.haggle(city.value(town, flats), flats, KEYS.rng("prices"))
    assert (prices % 100 == 0).all()
    assert (prices > 0).all()
    assert np.corrcoef(np.log(prices), np.log(flats["area"].to_numpy()))[0, 1] > 0.5


def test_a_scatter_is_a_small_picture(tmp_path: Path):
    x = np.linspace(0, 1, 50)
    save_scatter(tmp_path / "a.png", x, x**2, shade(x))
    save_scatter(tmp_path / "b.png", np.zeros(3), np.zeros(3), shade(np.zeros(3)))
    save_scatter(tmp_path / "c.png", x, x**2, shade(x), labels=("length (mm)", "weight (g)"))
    with Image.open(tmp_path / "a.png") as image, Image.open(tmp_path / "c.png") as named:
        assert image.size == named.size == (480, 320)
        assert set(image.get_flattened_data()) < set(named.get_flattened_data())  # the same, and ink
    colours = shade(x)
    assert colours[0].tolist() != colours[-1].tolist()
    assert shade(np.array([5.0])).shape == (1, 3)


def test_a_sheet_holds_full_rows_only(tmp_path: Path):
    images = np.arange(7 * 4, dtype=np.uint8).reshape(7, 2, 2)
    save_sheet(tmp_path / "s.png", images, columns=3, enlarge=2)
    with Image.open(tmp_path / "s.png") as image:
        assert image.size == (12, 8)
        assert np.asarray(image)[0, 4] == images[1, 0, 0]


def test_digits_are_grouped_by_the_angle_at_which_they_lean():
    down, across = np.arange(SIZE)[:, None], np.arange(SIZE)[None, :]
    bars = [np.abs(across - 14 - lean * (14 - down)) < 2 for lean in (-0.3, -0.05, 0.05, 0.3)]
    images = np.array(bars, dtype=np.uint8) * 255
    assert name_slant(images).tolist() == ["leaning left", "upright", "upright", "leaning right"]
