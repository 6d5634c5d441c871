"""linear-learner's normalisation: features to mean 0 and deviation 1, a regressor's labels as well."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .formats import Array


@dataclass(frozen=True)
class Scaling:
    """`(x - mean) / deviation`, each (columns,)."""

    mean: Array
    deviation: Array

    @classmethod
    def of(cls, features: Array, *, unbias: bool, normalize: bool) -> Scaling:
        """From these rows. Sparse features are never shifted, or they would be sparse no more."""
        columns = features.shape[1]
        mean, deviation = np.zeros(columns), np.ones(columns)
        if isinstance(features, np.ndarray):
            if unbias:
                mean = features.mean(axis=0, dtype=np.float64)
            if normalize:
                deviation = features.std(axis=0, dtype=np.float64)
        elif normalize:
            square = np.asarray(features.multiply(features).mean(axis=0)).ravel()
            average = np.asarray(features.mean(axis=0)).ravel()
            deviation = np.sqrt(np.maximum(square - average**2, 0))
        deviation = np.where(deviation > 1e-9 * (1 + np.abs(mean)), deviation, 1.0)
        return cls(mean, deviation)

    def apply(self, features: Array) -> Array:
        if isinstance(features, np.ndarray):
            return (features - self.mean) / self.deviation
        from scipy.sparse import diags

        return (features @ diags(1 / self.deviation)).tocsr()

    def undo(self, weights: Array, bias: Array) -> tuple[Array, Array]:
        """Weights (columns, outputs) and bias (outputs,) for features as they came."""
        raw = weights / self.deviation[:, None]
        return raw, bias - self.mean @ raw
