"""Tests of 64 neighboring tags at a time: one bit per tag, in a few vector instructions.

Numba compiles a loop with a branch per tag to one comparison at a time; written as LLVM
vectors the same comparisons take less than a clock cycle per tag. LLVM translates vectors of
64 to whatever width the processor has, so nothing here depends on its kind.

The caller guarantees that all 64 tags, and those looked back at, lie inside the array. Numba
counts references at each call that passes an array, at the cost of several tags; intrinsics
and functions of numbers are free of that, and loops over tags call nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic
from numpy.typing import NDArray

LANES = 64
ALL = np.uint64(2**64 - 1)
ONE = np.uint64(1)
WORD = ir.IntType(LANES)

Generator = Callable[[Any, Any, Any, Any], Any]
Typed = tuple[Any, Generator]


def _load(target: Any, builder: Any, kind: Any, array: Any, first: Any) -> Any:
    """Emit the load of array[first:first + 64]."""
    data = target.make_array(kind)(target, builder, array).data
    element = target.get_data_type(kind.dtype)
    place = builder.bitcast(builder.gep(data, [first]), ir.VectorType(element, LANES).as_pointer())
    vector = builder.load(place)
    vector.align = kind.dtype.bitwidth // 8
    return vector


def _repeat(builder: Any, value: Any) -> Any:
    """Emit a vector of 64 equal values."""
    vector = ir.VectorType(value.type, LANES)
    undefined = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(one, undefined, zeros)


def _near(_: Any, times: Any, first: Any, back: Any, reach: Any) -> Typed:
    """Bit k: times[first + k - back] >= times[first + k] - reach."""

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        array, start, steps, reach_ps = values
        now = _load(target, builder, signature.args[0], array, start)
        before = _load(target, builder, signature.args[0], array, builder.sub(start, steps))
        earliest = builder.sub(now, _repeat(builder, reach_ps))
        return builder.bitcast(builder.icmp_signed(">=", before, earliest), WORD)

    del first, back, reach
    return types.uint64(times, types.int64, types.int64, types.int64), generate


def _above(_: Any, channels: Any, first: Any, highest: Any) -> Typed:
    """Bit k: channels[first + k] > highest; `highest` fits the type of channels."""

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        array, start, limit = values
        here = _load(target, builder, signature.args[0], array, start)
        limit = builder.trunc(limit, here.type.element)
        return builder.bitcast(builder.icmp_unsigned(">", here, _repeat(builder, limit)), WORD)

    del first, highest
    return types.uint64(channels, types.int64, types.int64), generate


def _equal(_: Any, channels: Any, first: Any, channel: Any) -> Typed:
    """Bit k: channels[first + k] == channel; `channel` fits the type of channels."""

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        array, start, wanted = values
        here = _load(target, builder, signature.args[0], array, start)
        wanted = builder.trunc(wanted, here.type.element)
        return builder.bitcast(builder.icmp_unsigned("==", here, _repeat(builder, wanted)), WORD)

    del first, channel
    return types.uint64(channels, types.int64, types.int64), generate


def _copy_four(_: Any, source: Any, first: Any, target: Any, place: Any) -> Typed:
    """Copy source[first:first + 4] to target[place:place + 4], both of int64."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        taken, start, given, goal = values
        vector = ir.VectorType(WORD, 4).as_pointer()
        from_data = context.make_array(signature.args[0])(context, builder, taken).data
        to_data = context.make_array(signature.args[2])(context, builder, given).data
        four = builder.load(builder.bitcast(builder.gep(from_data, [start]), vector))
        four.align = 8
        stored = builder.store(four, builder.bitcast(builder.gep(to_data, [goal]), vector))
        stored.align = 8
        return context.get_dummy_value()

    del first, place
    return types.void(source, types.uint64, target, types.uint64), generate


def _lowest(_: Any, bits: Any) -> Typed:
    """Return the place of the lowest set bit; `bits` is not zero."""

    def generate(_: Any, builder: Any, __: Any, values: Any) -> Any:
        kind = ir.FunctionType(WORD, [WORD, ir.IntType(1)])
        count = get_or_insert_function(builder.module, kind, "llvm.cttz.i64")  # type: ignore[no-untyped-call]
        return builder.call(count, [values[0], ir.Constant(ir.IntType(1), 1)])

    del bits
    return types.int64(types.uint64), generate


def _ones(_: Any, bits: Any) -> Typed:
    """Return the number of set bits."""

    def generate(_: Any, builder: Any, __: Any, values: Any) -> Any:
        kind = ir.FunctionType(WORD, [WORD])
        count = get_or_insert_function(builder.module, kind, "llvm.ctpop.i64")  # type: ignore[no-untyped-call]
        return builder.call(count, [values[0]])

    del bits
    return types.int64(types.uint64), generate


near: Any = intrinsic(_near)
above: Any = intrinsic(_above)
equal: Any = intrinsic(_equal)
copy_four: Any = intrinsic(_copy_four)
lowest = cast("Callable[[Any], int]", intrinsic(_lowest))
ones = cast("Callable[[Any], int]", intrinsic(_ones))


@njit(cache=True, nogil=True)
def since(first: int, start: int, stop: int) -> Any:
    """Return bits for the places [first, stop) of 64 that begin at `start`."""
    return (ALL << np.uint64(first - start)) & (ALL >> np.uint64(LANES - (stop - start)))


@njit(cache=True, nogil=True)
def highest_label(width: int, n_channels: int) -> int:
    """Return the largest valid channel number that `width` bytes can hold."""
    return min(n_channels - 1, (1 << 8 * width) - 1)


@njit(cache=True, nogil=True)
def first_bad(
    times_ps: NDArray[np.int64], channels: NDArray[Any], first: int, stop: int, n_channels: int
) -> int:
    """Return the first tag of [first, stop) that steps back or has no channel, or -1."""
    i = first
    if i == 0 and stop > 0:
        if channels[0] >= n_channels:
            return 0
        i = 1
    highest = highest_label(channels.itemsize, n_channels)
    while i + LANES <= stop:
        bad = near(times_ps, i, 1, -1) | above(channels, i, highest)
        if bad:
            return i + lowest(bad)
        i += LANES
    while i < stop:
        if times_ps[i] < times_ps[i - 1] or channels[i] >= n_channels:
            return i
        i += 1
    return -1
