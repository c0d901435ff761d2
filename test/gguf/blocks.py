"""Cuts blocks.json from GGUF files and the values that ggml gave their tensors.

usage: python3 blocks.py FOLDER, where FOLDER has NAME.gguf beside NAME.expected.safetensors.
"""
import base64, json, struct, sys
from pathlib import Path

SIZES = {2: ('Q4_0', 32, 18), 3: ('Q4_1', 32, 20), 6: ('Q5_0', 32, 22), 7: ('Q5_1', 32, 24), 8: ('Q8_0', 32, 34),
         10: ('Q2_K', 256, 84), 11: ('Q3_K', 256, 110), 12: ('Q4_K', 256, 144), 13: ('Q5_K', 256, 176),
         14: ('Q6_K', 256, 210), 20: ('IQ4_NL', 32, 18), 23: ('IQ4_XS', 256, 136)}
FIXED = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


def tensors(data):
    at = 8

    def number(form):
        nonlocal at
        value = struct.unpack_from('<' + form, data, at)[0]
        at += struct.calcsize(form)
        return value

    def text():
        nonlocal at
        length = number('Q')
        at += length
        return data[at - length:at].decode()

    def skip(kind):
        nonlocal at
        if kind == 8:
            text()
        elif kind == 9:
            inner, length = number('I'), number('Q')
            for _ in range(length):
                skip(inner)
        else:
            at += FIXED[kind]

    count, keys = number('Q'), number('Q')
    for _ in range(keys):
        text()
        skip(number('I'))
    found = []
    for _ in range(count):
        name, rank = text(), number('I')
        shape = [number('Q') for _ in range(rank)]
        found.append((name, shape, number('I'), number('Q')))
    start = (at + 31) // 32 * 32
    return [(name, kind, start + offset) for name, _, kind, offset in found]


blocks = {}
for path in sorted(Path(sys.argv[1]).glob('*.gguf')):
    expected = path.parent / f'{path.stem}.expected.safetensors'
    if not expected.exists():
        continue
    data, values = path.read_bytes(), expected.read_bytes()
    length = struct.unpack_from('<Q', values)[0]
    header = json.loads(values[8:8 + length])
    for name, kind, offset in tensors(data):
        if kind not in SIZES or name not in header:
            continue
        label, count, size = SIZES[kind]
        if label in blocks:
            continue
        start = 8 + length + header[name]['data_offsets'][0]
        blocks[label] = {
            'bytes': base64.b64encode(data[offset:offset + 2 * size]).decode(),
            'values': base64.b64encode(values[start:start + 8 * count]).decode(),
        }
print(json.dumps(dict(sorted(blocks.items())), indent=1))
