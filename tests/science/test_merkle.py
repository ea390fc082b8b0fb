"""Merkle trees against the vectors of RFC 6962's reference implementation."""

from __future__ import annotations

import pytest

from citytwin.science import merkle

# The leaves and roots used by Certificate Transparency's own tests (trees of 1 to 8 leaves).
LEAVES = [
    bytes.fromhex(x)
    for x in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("n", range(1, 9))
def test_roots_against_certificate_transparency_vectors(n: int) -> None:
    assert merkle.root([merkle.leaf_hash(d) for d in LEAVES[:n]]).hex() == ROOTS[n - 1]


def test_the_empty_tree_against_rfc_6962() -> None:
    assert merkle.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 64, 100])
def test_every_proof_leads_to_the_root_and_no_other_leaf_fits(size: int) -> None:
    leaves = [merkle.leaf_hash(str(i).encode()) for i in range(size)]
    root = merkle.root(leaves)
    for i in range(size):
        proof = merkle.inclusion_proof(leaves, i)
        assert merkle.root_from_proof(leaves[i], i, size, proof) == root
        assert merkle.root_from_proof(merkle.leaf_hash(b"forged"), i, size, proof) != root
        if size > 1:
            assert merkle.root_from_proof(leaves[i], (i + 1) % size, size, proof) != root
            assert merkle.root_from_proof(leaves[i], i, size, proof[:-1]) != root
            assert merkle.root_from_proof(leaves[i], i, size, [*proof, leaves[0]]) is None


def test_an_index_outside_the_tree_is_refused() -> None:
    with pytest.raises(IndexError):
        merkle.inclusion_proof([merkle.leaf_hash(b"")], 1)
    assert merkle.root_from_proof(merkle.leaf_hash(b""), 1, 1, []) is None
