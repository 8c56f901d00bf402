"""Cut from an encoder's ONNX graph what its outputs do not need: what only the first token is read of is computed for the first token.

A head of classes reads the first token alone. So the last layer needs all tokens as keys and values, and all else for one of them: some
sixth of the work of six layers. That is done by no optimiser we know of (ours). The result is the same but for the order of sums.

Nodes that do not fit are left as they are. The caller holds the result against the model.
"""

from __future__ import annotations

from typing import Any

import numpy as np

ATTENTION = "MultiHeadAttention"
TOKENWISE = {"Add", "Sub", "Mul", "Div", "Erf", "Tanh", "Relu", "Sigmoid", "Sqrt", "Pow", "MatMul", "LayerNormalization"}
"""Operators of (rows, tokens, numbers) whose result for a token is of that token's numbers alone, where other operands are constants."""


def cut(model: bytes) -> bytes:
    """The graph without what no output depends on."""
    import onnx

    read = onnx.load_model_from_string(model)
    graph = _Graph(onnx, read.graph)
    graph.flatten()
    graph.first_tokens()
    graph.write(read.graph)
    written: bytes = read.SerializeToString()
    return written


class _Graph:
    """Nodes by what they make, and tensors by their names."""

    def __init__(self, onnx: Any, graph: Any) -> None:
        self.onnx, self.nodes = onnx, list(graph.node)
        self.made = {name: node for node in self.nodes for name in node.output}
        self.outputs = [value.name for value in graph.output]
        self.held = {t.name: t for t in graph.initializer}

    def constant(self, name: str) -> Any:
        """A constant as a tensor, or None."""
        node = self.made.get(name)
        if node is not None and node.op_type == "Identity":
            return self.constant(node.input[0])
        return node.attribute[0].t if node is not None and node.op_type == "Constant" else self.held.get(name)

    def dimensions(self, name: str) -> int | None:
        """Of a constant."""
        tensor = self.constant(name)
        return None if tensor is None else len(tensor.dims)

    def is_product(self, name: str) -> bool:
        """Whether it is (rows, tokens, numbers) because it is a product with a matrix of weights, with a bias or without one."""
        node = self.made.get(name)
        if node is None or node.op_type not in ("MatMul", "Add"):
            return False
        if node.op_type == "MatMul":
            return self.dimensions(node.input[1]) == 2
        return any(self.dimensions(a) == 1 and self.is_product(b) for a, b in (node.input, node.input[::-1]))

    def flat(self, name: str) -> str:
        """What was cut into heads and joined again, before that."""
        while (node := self.made.get(name)) is not None and node.op_type == "Reshape":
            name = node.input[0]
        return name

    def flatten(self) -> None:
        """Have attention read products, and be read by one, without what cuts them into heads and joins them again."""
        for node in self.nodes:
            before = [self.flat(name) for name in node.input]
            if node.op_type == ATTENTION and all(self.is_product(name) for name in before):
                node.input[:] = before
            elif node.op_type == "MatMul" and before[0] in self.made and self.made[before[0]].op_type == ATTENTION:
                node.input[0] = before[0]

    def first_tokens(self) -> None:
        """Where the first token is read of (rows, tokens, numbers), compute it alone."""
        scores = {ATTENTION: slice(1, 3), "Softmax": slice(1)}  # what they read there is of all tokens
        whole = self.needed([name for node in self.nodes if node.op_type in scores for name in node.input[scores[node.op_type]]])
        for node in list(self.nodes) if whole else []:
            if node.op_type == "Gather" and any(a.name == "axis" and a.i == 1 for a in node.attribute):
                at = self.constant(node.input[1])
                if at is not None and not at.dims and self.onnx.numpy_helper.to_array(at) == 0:
                    node.input[0] = self.first(node.input[0], whole)

    def first(self, name: str, whole: set[str]) -> str:
        """The first token, as (rows, 1, numbers). whole: what all tokens are needed of anyway."""
        out, node = f"{name}/first", self.made.get(name)
        if out in self.made:
            return out
        inputs: list[str] = []
        if node is not None and name not in whole:
            if node.op_type == ATTENTION:
                inputs = [self.first(node.input[0], whole), *node.input[1:]]
            elif node.op_type in TOKENWISE and (node.op_type != "MatMul" or self.is_product(name)):
                inputs = [self.first(of, whole) if self.constant(of) is None else of for of in node.input]
        made = self.onnx.helper.make_node("Slice", [name, *(self._place(out, k) for k in (0, 1, 1))], [out])
        if node is not None and inputs:
            made = self.onnx.helper.make_node(node.op_type, inputs, [out], domain=node.domain)
            made.attribute.extend(node.attribute)
        self.nodes.append(made)
        self.made[out] = made
        return out

    def _place(self, of: str, k: int) -> str:
        name = f"{of}/{k}"
        self.held[name] = self.onnx.numpy_helper.from_array(np.array([k]), name)
        return name

    def needed(self, names: list[str]) -> set[str]:
        """Names and all they are made of."""
        found, left = set(), list(names)
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += self.made[name].input if name in self.made else []
        return found

    def write(self, graph: Any) -> None:
        """Give a graph the nodes an output depends on, each behind what it reads."""
        needed = self.needed(self.outputs)
        left = [node for node in self.nodes if needed.intersection(node.output)]
        there = {name for name in needed if name not in self.made}
        del graph.node[:], graph.initializer[:]
        while left:
            ready = []
            for node in left:
                if there.issuperset(node.input):
                    ready.append(node)
                    there.update(node.output)
            graph.node.extend(ready)
            left = [node for node in left if not there.issuperset(node.output)]
        graph.initializer.extend(t for name, t in self.held.items() if name in needed)
