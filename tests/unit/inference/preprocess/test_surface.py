import numpy as np
import pytest

from inference.preprocess.surface import icosphere, inside


def test_every_triangle_looks_outward() -> None:
    mesh = icosphere(2)
    corners = mesh.vertices[mesh.faces]

    outward = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])

    assert (np.sum(outward * corners.mean(axis=1), axis=1) > 0).all()
    assert len(mesh.vertices) == 162


def test_neighbours_are_the_vertices_nearest_to_each() -> None:
    mesh = icosphere(2)

    distance = np.linalg.norm(mesh.vertices[:, None] - mesh.vertices[mesh.neighbours], axis=-1)

    assert distance.min() > 0.2
    assert distance.max() < 0.4


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (5.0, 0.8, 1.2)])
def test_a_ball_holds_the_voxels_whose_centres_are_in_it(spacing: tuple[float, float, float]) -> None:
    mesh = icosphere(4)
    shape = tuple(round(80 / mm) for mm in spacing)
    centre, radius = np.array([38.0, 41.0, 39.0]), 25.0

    filled = inside((centre + radius * mesh.vertices).astype(np.float32), mesh.faces, spacing, shape)

    places = np.stack(np.indices(shape), axis=-1) * spacing
    distance = np.linalg.norm(places - centre, axis=-1)
    assert filled[distance < radius - 0.3].all()
    assert not filled[distance > radius].any()


def test_a_surface_that_leaves_the_volume_is_cut_off() -> None:
    mesh = icosphere(3)

    filled = inside(mesh.vertices * 100 + 5, mesh.faces, (1.0, 1.0, 1.0), (10, 10, 10))

    assert filled.all()
