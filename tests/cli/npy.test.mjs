// .npy files as NumPy writes them, in and out. Sorting ascending values leaves them as they are.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { data, folder, readNpy, run } from './support.mjs';

const expected = JSON.parse(readFileSync(join(data, 'npy/expected.json'), 'utf8'));
const file = (name) => join(data, `npy/${name}.npy`);
const accepted = ['i1', 'u1', 'i2', 'u2', 'i4', 'u4', 'i8', 'u8', 'f4', 'f8', 'b1'];

describe('each kind of element', () => {
  for (const name of accepted) {
    test(`${name} there and back`, async (t) => {
      const out = join(folder(t), 'out.npy');
      const { code, stderr } = await run(['run', 'sort', '-p', `data=@${file(name)}`, '-o', out]);
      assert.equal(code, 0, stderr);
      const [before, after] = [readNpy(file(name)), readNpy(out)];
      assert.equal(after.descr, name === 'b1' ? '|u1' : before.descr);
      assert.deepEqual(after.shape, before.shape);
      assert.deepEqual(after.data, before.data);
      assert.equal(after.start % 64, 0);
    });
  }

  for (const name of [...accepted, 'big_endian_i2', 'big_endian_f4', 'big_endian_i8', 'version_2', 'version_3', 'empty']) {
    test(`${name} is read as NumPy says`, async () => {
      const { stdout } = await run(['run', 'sort', '-p', `data=@${file(name)}`, '--json']);
      const { type, shape, values } = expected[name];
      // 64-bit integers are whole in the text, which JSON.parse would round; expected.json holds them as text.
      const numbers = /"data":\[([^\]]*)\]/.exec(stdout)[1];
      const found = numbers === '' ? [] : numbers.split(',').map(type.startsWith('Big') ? String : Number);
      assert.deepEqual(found, values);
      assert.match(stdout, new RegExp(`"type":"${type}","shape":\\[${shape.join(',')}\\]`));
    });
  }

  test('float16 where the runtime has it, else a way out', async () => {
    const { code, stderr } = await run(['run', 'image.encode', '-p', `image=@${file('f2')}`, '-p', 'format=png']);
    assert.match(stderr, typeof Float16Array === 'function' ? /it holds Float16Array of the shape \(4\)/ : /holds float16, and Node .* save it with \.astype\('float32'\)/);
    assert.equal(code, 2);
  });
});

test('pixels of the shape (height, width, 4) are an image, both ways', async (t) => {
  const out = join(folder(t), 'pixels.npy');
  const png = await run(['run', 'image.encode', '-p', `image=@${file('pixels')}`, '-p', 'format=png', '-o', '-']);
  const { code, stdout } = await run(['run', 'image.decode', '-p', 'data=@-', '-o', out], { stdin: png.bytes });
  assert.equal(code, 0);
  assert.equal(stdout, 'format: "png"\n');
  const { descr, shape, data: pixels } = readNpy(out);
  assert.deepEqual({ descr, shape }, { descr: '|u1', shape: [2, 3, 4] });
  // Alpha is kept, so every byte is.
  assert.deepEqual([...pixels], expected.pixels.values);
});

describe('what cannot be used is refused with 2', () => {
  const cases = [
    ['Fortran order', 'fortran', /data: .*fortran\.npy cannot be read: it is in Fortran order; save it with .*ascontiguousarray/],
    ['complex numbers', 'complex', /NumPy's type '<c16'/],
    ['records', 'records', /it holds records/],
    ['text', 'text', /NumPy's type '<U1'/],
  ];
  for (const [name, which, message] of cases) {
    test(name, async () => {
      const { code, stderr } = await run(['run', 'sort', '-p', `data=@${file(which)}`]);
      assert.match(stderr, message);
      assert.equal(code, 2);
    });
  }

  test('numbers of another kind than the kernel takes', async () => {
    const { code, stderr } = await run(['run', 'hash', '-p', `data=@${file('f4')}`, '-p', 'algorithm=sha256']);
    assert.match(stderr, /data: must be a Uint8Array, .*f4\.npy holds a Float32Array: convert it with NumPy's \.astype\('uint8'\) or send the file's own bytes with data=@-/);
    assert.equal(code, 2);
  });

  test('a file that is cut short, at every place', async (t) => {
    const path = join(folder(t), 'cut.npy');
    const whole = readFileSync(file('f8'));
    for (const length of [0, 5, 7, 9, 40, whole.length - 33, whole.length - 1]) {
      writeFileSync(path, whole.subarray(0, length));
      const { code, stderr } = await run(['run', 'sort', '-p', `data=@${path}`]);
      assert.match(stderr, /data: .*cut\.npy cannot be read: it is (not an \.npy file|cut short|of version)/, `${length} bytes`);
      assert.equal(code, 2);
    }
  });

  test('headers that lie', async (t) => {
    const path = join(folder(t), 'lie.npy');
    const write = (header) => {
      const text = Buffer.from(header);
      writeFileSync(path, Buffer.concat([Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length, 0]), text, Buffer.alloc(8)]));
    };
    for (const [header, message] of [
      ["{'descr': '<f8', 'fortran_order': False, 'shape': (9007199254740993, 8), }", /its shape \(.*\) is not usable/],
      ["{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }", /its shape \(-1,\) is not usable/],
      ["{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }", /it is cut short/],
      ["{'descr': '<f8', 'shape': (1,), }", /its header is not one of an \.npy file/],
    ]) {
      write(header);
      const { code, stderr } = await run(['run', 'sort', '-p', `data=@${path}`]);
      assert.match(stderr, message);
      assert.equal(code, 2);
    }
  });

  test('data that does not begin at a multiple of its element is read all the same', async (t) => {
    const path = join(folder(t), 'odd.npy');
    const header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n";
    writeFileSync(path, Buffer.concat([Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]), Buffer.from(header), Buffer.from(Float64Array.of(1.25, 2.5).buffer)]));
    assert.notEqual((10 + header.length) % 8, 0);
    const { stdout } = await run(['run', 'sort', '-p', `data=@${path}`, '--json']);
    assert.deepEqual(JSON.parse(stdout).output.data.data, [1.25, 2.5]);
  });
});
