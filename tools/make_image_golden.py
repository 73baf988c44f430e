#!/usr/bin/python3
"""Image files and what Pillow and torchvision make of them: tests/golden/images/ and tests/golden/images.txt.

usage: make_image_golden.py        (python3-pil, python3-torchvision; written with Pillow 9.4.0, torchvision 0.14.1)

Lines of images.txt:
  decode FILE W H RGB L        SHA-256 of the pixels of Image.open(FILE).convert('RGB'), and after convert('L')
  broken FILE                  Image.open(FILE).convert('RGB') raises
  shape W H RESIZE CROP FILTER OUT_W OUT_H RGB
                               the test picture of W x H (see `picture`) after Resize(RESIZE, FILTER) and
                               CenterCrop(CROP), 0 meaning neither
"""
import hashlib
import os
import struct
import zlib

import torchvision.transforms as transforms
from PIL import Image
from torchvision.transforms import InterpolationMode

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests', 'golden')
OUT = os.path.join(HERE, 'images')


def value(x, y, c):
    """Smooth colours, with a patch of noise and one of black and white, which bicubic filters overshoot at."""
    if (x // 8 + y // 8) % 3 == 0:
        return (x * x * 7 + y * y * 13 + x * y * 3 + c * 85) % 256
    if (x // 8 + y // 8) % 3 == 1:
        return 255 * ((x + y + c) % 2)
    return (3 * x + 5 * y + 60 * c) % 256


def picture(w, h):
    return Image.frombytes('RGB', (w, h), bytes(value(x, y, c) for y in range(h) for x in range(w) for c in range(3)))


def sha(image):
    return hashlib.sha256(image.tobytes()).hexdigest()


# ---- PNG, of every kind there is -----------------------------------------------------------------------------------

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, body):
    return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))


def rows(w, h, depth, channels, sample, left=0, top=0, dx=1, dy=1):
    out = b''
    for y in range(top, h, dy):
        bits = ''.join(f'{sample(x, y, c):0{depth}b}' for x in range(left, w, dx) for c in range(channels))
        if bits:
            out += b'\0' + int(bits.ljust((len(bits) + 7) // 8 * 8, '0'), 2).to_bytes((len(bits) + 7) // 8, 'big')
    return out


def png(w, h, depth, colour, interlaced=False, palette=None, transparency=None):
    most = (1 << depth) - 1

    def sample(x, y, c):
        if colour == 3:
            return (x + 3 * y) % min(most + 1, len(palette) + 2 if depth == 8 else most + 1)
        if depth == 16:
            return (x * 997 + y * 1511 + c * 20011) % 65536 if (x + y) % 3 else (x + 16 * y + c) % 300
        return value(x, y, c) >> (8 - depth)
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    body = b''.join(rows(w, h, depth, CHANNELS[colour], sample, *p) for p in passes)
    file = b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', w, h, depth, colour, 0, 0, interlaced))
    if palette:
        file += chunk(b'PLTE', bytes(v for entry in palette for v in entry))
    if transparency:
        file += chunk(b'tRNS', transparency)
    middle = len(zlib.compress(body)) // 2
    data = zlib.compress(body)
    return file + chunk(b'IDAT', data[:middle]) + chunk(b'IDAT', data[middle:]) + chunk(b'IEND', b'')


def png_files():
    colours = [(i * 37 % 256, i * 101 % 256, 255 - i) for i in range(200)]
    for depth in (1, 2, 4, 8, 16):
        yield f'grey{depth}.png', png(21, 13, depth, 0)
        if depth < 16:
            yield f'palette{depth}.png', png(21, 13, depth, 3, palette=colours[:min(1 << depth, 200)])
    for depth in (8, 16):
        yield f'grey_alpha{depth}.png', png(21, 13, depth, 4)
        yield f'rgb{depth}.png', png(21, 13, depth, 2)
        yield f'rgba{depth}.png', png(21, 13, depth, 6)
    yield 'palette_transparent.png', png(21, 13, 8, 3, palette=colours, transparency=bytes(range(200)))
    yield 'palette_short.png', png(21, 13, 4, 3, palette=colours[:5])
    yield 'grey_transparent.png', png(21, 13, 8, 0, transparency=b'\0\x55')
    yield 'rgb_transparent.png', png(21, 13, 8, 2, transparency=b'\0\x10\0\x20\0\x30')
    for depth, colour, name in ((1, 0, 'grey1'), (8, 2, 'rgb8'), (16, 6, 'rgba16'), (4, 3, 'palette4')):
        yield f'{name}_interlaced.png', png(21, 13, depth, colour, True, colours[:16] if colour == 3 else None)
    yield 'one_pixel.png', png(1, 1, 8, 2)
    whole = png(21, 13, 8, 2)
    yield 'png_named.jpg', whole
    yield 'no_end.png', whole[:-12]
    yield 'cut_in_data.png', whole[:len(whole) * 2 // 3]
    yield 'cut_in_header.png', whole[:20]
    yield 'wrong_size.png', whole[:16] + struct.pack('>I', 40000) + whole[20:]
    at = whole.index(b'IDAT') + 40
    yield 'damaged_data.png', whole[:at] + bytes(255 - b for b in whole[at:at + 40]) + whole[at + 40:]


# ---- JPEG ----------------------------------------------------------------------------------------------------------

def saved(image, **options):
    path = os.path.join(OUT, 'tmp.jpg')
    image.save(path, 'JPEG', **options)
    data = open(path, 'rb').read()
    os.remove(path)
    return data


def adobe(transform):
    return b'\xff\xee\0\x0eAdobe\0\x64\0\0\0\0' + bytes([transform])


def jpeg_files():
    photo = picture(45, 35).resize((61, 47), Image.BICUBIC)
    for name, options in (('420', {}), ('422', {'subsampling': 1}), ('444', {'subsampling': 0}),
                          ('progressive', {'progressive': True}), ('quality10', {'quality': 10}),
                          ('optimised', {'optimize': True, 'quality': 95})):
        yield f'{name}.jpg', saved(photo, **options)
    yield 'grey.jpg', saved(photo.convert('L'))
    yield 'grey_progressive.jpg', saved(photo.convert('L'), progressive=True)
    cmyk = saved(photo.convert('CMYK'))
    yield 'cmyk.jpg', cmyk
    at = cmyk.index(b'Adobe')
    yield 'ycck.jpg', cmyk[:at + 11] + b'\2' + cmyk[at + 12:]
    yield 'cmyk_unmarked.jpg', cmyk[:at - 4] + cmyk[at + 12:]
    plain = saved(photo, subsampling=0)
    yield 'rgb.jpg', plain[:2] + adobe(0) + plain[20:]
    orientation = Image.Exif()
    orientation[0x112] = 6
    yield 'rotated.JPEG', saved(photo, exif=orientation.tobytes())
    yield 'one_pixel.jpg', saved(picture(1, 1))
    yield 'narrow.jpg', saved(picture(3, 50))
    yield 'jpeg_named.png', plain
    yield 'cut_in_scan.jpg', plain[:len(plain) * 2 // 3]
    yield 'cut_end.jpg', plain[:-2]
    yield 'cut_in_header.jpg', plain[:100]
    progressive = saved(photo, progressive=True)
    yield 'cut_progressive.jpg', progressive[:len(progressive) * 2 // 3]
    scan = plain.index(b'\xff\xda') + 200
    yield 'damaged_scan.jpg', plain[:scan] + b'\x55\xaa\x00\x12' * 20 + plain[scan + 80:]
    yield 'trailing.jpg', plain + b'more' * 10
    frame = plain.index(b'\xff\xc0')
    yield 'bits12.jpg', plain[:frame + 4] + b'\x0c' + plain[frame + 5:]
    yield 'text.jpg', b'not an image\n'
    yield 'empty.jpg', b''


def decode_line(name):
    try:
        rgb = Image.open(os.path.join(OUT, name)).convert('RGB')
    except (OSError, SyntaxError, ValueError):
        return f'broken {name}'
    return f'decode {name} {rgb.width} {rgb.height} {sha(rgb)} {sha(rgb.convert("L"))}'


# ---- resizing and cropping -----------------------------------------------------------------------------------------

SHAPES = [
    # w, h, resize, crop
    (64, 48, 32, 0), (48, 64, 32, 28), (50, 37, 24, 24), (37, 50, 25, 20), (20, 15, 40, 32), (15, 20, 64, 61),
    (33, 33, 33, 32), (33, 33, 32, 31), (33, 47, 33, 33), (200, 3, 2, 2), (3, 200, 5, 4), (1, 90, 3, 3), (90, 1, 3, 2),
    (1, 1, 7, 5), (2, 2, 255, 0), (300, 200, 7, 5), (301, 211, 56, 48), (301, 211, 100, 99), (17, 19, 0, 9),
    (17, 19, 0, 12), (17, 19, 0, 18), (16, 17, 0, 40), (19, 16, 0, 33), (5, 40, 4, 9), (640, 480, 256, 224),
    (500, 375, 256, 224), (128, 511, 256, 224), (1024, 33, 16, 16),
]


def shape_line(w, h, resize, crop, name):
    steps = []
    if resize:
        steps.append(transforms.Resize(resize, InterpolationMode(name)))
    if crop:
        steps.append(transforms.CenterCrop(crop))
    out = transforms.Compose(steps)(picture(w, h))
    return f'shape {w} {h} {resize} {crop} {name} {out.width} {out.height} {sha(out)}'


def main():
    os.makedirs(OUT, exist_ok=True)
    lines = []
    for name, data in [*png_files(), *jpeg_files()]:
        open(os.path.join(OUT, name), 'wb').write(data)
        lines.append(decode_line(name))
    lines += [shape_line(*shape, name) for shape in SHAPES for name in ('bilinear', 'bicubic')]
    with open(os.path.join(HERE, 'images.txt'), 'w') as out:
        out.write('\n'.join(lines) + '\n')


if __name__ == '__main__':
    main()
