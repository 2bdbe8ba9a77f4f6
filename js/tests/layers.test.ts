import { expect, test } from "vitest";
import { fold, opened, path, quiet, shortNames, within } from "../src/kit/layers";
import { layer } from "./states";

const block = (name: string, parent: string) => [layer(name, { kind: "BasicBlock", parent }), layer(`${name}.conv1`, { parent: name }), layer(`${name}.relu`, { kind: "ReLU", parent: name }), layer(`${name}.relu_1`, { kind: "ReLU", parent: name })];
const LAYERS = [layer("conv1"), layer("layer1", { kind: "Sequential", container: true }), ...block("layer1.0", "layer1"), ...block("layer1.1", "layer1"), layer("fc")];
const names = (rows: { layer: { name: string } }[]) => rows.map((row) => row.layer.name);

test("containers are dissolved: their parts stand where they stood", () => {
  expect(names(fold(LAYERS))).toEqual(["conv1", "layer1.0", "layer1.1", "fc"]);
});

test("containers in containers are dissolved, and one inside a block gives its parts to the block", () => {
  const deep = [
    layer("a", { container: true }), layer("a.b", { container: true, parent: "a" }), layer("a.b.c", { kind: "Block", parent: "a.b" }),
    layer("a.b.c.d", { container: true, parent: "a.b.c" }), layer("a.b.c.d.e", { container: true, parent: "a.b.c.d" }), layer("a.b.c.d.e.0", { parent: "a.b.c.d.e" }),
  ];
  const rows = fold(deep);
  expect(names(rows)).toEqual(["a.b.c"]);
  expect(rows[0].parts[0]).toMatchObject({ label: "d.e.0", depth: 1 });
});

test("repeats are rows of their own and carry the name without the block's", () => {
  expect(fold(LAYERS)[1].parts.map((row) => row.label)).toEqual(["conv1", "relu", "relu_1"]);
});

test("only the block that holds the chosen layer is open", () => {
  expect(names(opened(fold(LAYERS), "layer1.1.relu"))).toEqual(["conv1", "layer1.0", "layer1.1", "layer1.1.conv1", "layer1.1.relu", "layer1.1.relu_1", "fc"]);
  expect(names(path(fold(LAYERS), "layer1.1.relu"))).toEqual(["layer1.1", "layer1.1.relu"]);
  expect(names(within(fold(LAYERS)[1]))).toHaveLength(3);
});

test("a parent that is not listed, or that is the layer itself, leaves the layer at the top", () => {
  expect(names(fold([layer("x.y", { parent: "x" }), layer("z", { parent: "z" })]))).toEqual(["x.y", "z"]);
});

test("short names tell layers apart in a few letters", () => {
  expect(shortNames(["features.0", "features.12", "classifier.1"])).toEqual(["0", "12", "c1"]);
  expect(shortNames(["conv1", "layer1.0", "layer4.1", "avgpool", "fc"])).toEqual(["c1", "1.0", "4.1", "a", "fc"]);
});

test("activations, pooling and dropout are quiet, convolutions are not", () => {
  expect(["ReLU", "MaxPool2d", "Dropout", "GELU"].map(quiet)).toEqual([true, true, true, true]);
  expect(["Conv2d", "Fire", "Bottleneck"].map(quiet)).toEqual([false, false, false]);
});
