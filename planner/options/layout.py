"""Layouts of units: replicas whose prompts and decodes run on instances of their own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UnitLayout:
    """Instances of a replica whose prompts and decodes run apart, all within one node.

    Parameters
    ----------
    prefill_instances, prefill_tensor_parallel
        Instances that compute prompts, and accelerators that each is split over.
    decode_instances, decode_tensor_parallel
        The same of those that only decode.
    """

    prefill_instances: int
    prefill_tensor_parallel: int
    decode_instances: int
    decode_tensor_parallel: int

    @property
    def accelerators(self) -> int:
        """Accelerators of the whole unit."""
        prefill = self.prefill_instances * self.prefill_tensor_parallel
        return prefill + self.decode_instances * self.decode_tensor_parallel

    @property
    def text(self) -> str:
        """The layout as in ids: ``2p-tp1+1d-tp2``."""
        prefill = f"{self.prefill_instances}p-tp{self.prefill_tensor_parallel}"
        return f"{prefill}+{self.decode_instances}d-tp{self.decode_tensor_parallel}"
