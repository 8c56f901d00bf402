"""A document's address (shard, row) as a key of the shuffle.

The key is splitmix64's finaliser of the two numbers: it spreads documents over the reducers and, being
a bijection, never gives two of them one key and can be undone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_M1, _M2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_INVERSE_1, _INVERSE_2 = (np.uint64(pow(m, -1, 1 << 64)) for m in (_M1, _M2))
_S30, _S27, _S31, _S32 = (np.uint64(bits) for bits in (30, 27, 31, 32))


def keys_of(shards: Any, rows: Any) -> Any:
    """Key of each address: uint64 (n,)."""
    x = (np.asarray(shards).astype(np.uint64) << _S32) | np.asarray(rows).astype(np.uint64)
    x = (x ^ (x >> _S30)) * np.uint64(_M1)
    x = (x ^ (x >> _S27)) * np.uint64(_M2)
    return x ^ (x >> _S31)


def addresses_of(keys: Any) -> tuple[Any, Any]:
    """Shard and row (uint32 each) that `keys_of` made each key of."""
    x = np.asarray(keys)
    x = x ^ (x >> _S31) ^ (x >> np.uint64(62))
    x = x * _INVERSE_2
    x = x ^ (x >> _S27) ^ (x >> np.uint64(54))
    x = x * _INVERSE_1
    x = x ^ (x >> _S30) ^ (x >> np.uint64(60))
    return (x >> _S32).astype(np.uint32), x.astype(np.uint32)
