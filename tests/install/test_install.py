#!/usr/bin/env python3
"""What 'meson install' gives works where it is put, also in another folder than the one it was built for.

usage: test_install.py BUILD PREFIX LIBDIR CC [FLAG]...    (by meson test)
"""
import glob
import gzip
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

SOURCE = os.environ['LESION_SOURCE']
BUILD, PREFIX, LIBDIR, CC = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
WARNINGS = ['-Wall', '-Wextra', '-Wpedantic', '-Werror']
IMAGES = '/usr/share/datasets/fashion-mnist'
wrong = []


def run(*command, env=None, code=0):
    """The standard output of a command that should end with that code."""
    done = subprocess.run(command, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True)
    if done.returncode != code:
        wrong.append(f'{" ".join(command)}: ended with {done.returncode}, not {code}\n{done.stdout}{done.stderr}')
    return done.stdout


def expect(condition, what):
    if not condition:
        wrong.append(what)


def install(folder):
    """Installs below `folder`, then moves all of it: the new prefix."""
    run('meson', 'install', '-C', BUILD, '--no-rebuild', '--quiet', '--destdir', os.path.join(folder, 'staged'))
    moved = os.path.join(folder, 'moved')
    os.rename(os.path.join(folder, 'staged') + PREFIX, moved)
    pc = os.path.join(moved, LIBDIR, 'pkgconfig', 'lesion.pc')
    text = open(pc).read()
    expect(text.startswith(f'prefix={PREFIX}\n') and PREFIX not in text[len(f'prefix={PREFIX}'):],
           f'lesion.pc names {PREFIX} elsewhere than in its first line:\n{text}')
    open(pc, 'w').write(text.replace(PREFIX, moved, 1))
    return moved


def headers(prefix):
    return sorted(os.listdir(os.path.join(prefix, 'include', 'lesion')))


def test_headers(prefix):
    """Each public header compiles alone, as C and as C++."""
    languages = [('c', 'c99', CC), ('c', 'c17', CC)]
    if shutil.which('c++'):
        languages += [('c++', 'c++11', ['c++']), ('c++', 'c++17', ['c++'])]
    else:
        print('no C++ compiler: headers are compiled as C alone')
    for language, standard, compiler in languages:
        for header in headers(prefix):
            done = subprocess.run(compiler + WARNINGS + [f'-std={standard}', '-fsyntax-only', '-x', language,
                                                         '-I' + os.path.join(prefix, 'include'), '-'],
                                  input=f'#include <lesion/{header}>\n', text=True, stderr=subprocess.PIPE)
            expect(done.returncode == 0, f'lesion/{header} does not compile alone as {standard}:\n{done.stderr}')
    expect(headers(prefix) == sorted(f for f in os.listdir(os.path.join(SOURCE, 'include', 'lesion'))),
           'not all headers are installed')


def declared(prefix):
    names = set()
    for header in headers(prefix):
        text = open(os.path.join(prefix, 'include', 'lesion', header)).read()
        text = re.sub(r'/\*.*?\*/|^\s*#.*?(?<!\\)$', '', text, flags=re.S | re.M)
        for declaration in re.findall(r'\bLSN_API\b([^;]*);', text):
            names.add(re.search(r'(\w+)\s*\(', declaration).group(1))
    return names


def exported(*nm):
    lines = run('nm', '--defined-only', *nm).split('\n')
    return {line.split()[2] for line in lines if len(line.split()) == 3}


def test_symbols(prefix):
    """The libraries export what the headers declare, and nothing else."""
    for name, flags in (('liblesion.so', ['-D']), ('liblesion.a', ['-g'])):
        have = {symbol for symbol in exported(*flags, os.path.join(prefix, LIBDIR, name))
                if not symbol.startswith(('__asan', '__odr_asan', '__ubsan', 'DW.ref'))}
        want = declared(prefix)
        expect(have == want, f'{name}: exported and not declared: {sorted(have - want)}; '
                             f'declared and not exported: {sorted(want - have)}')


def flags_of(prefix, *options):
    path = os.path.join(prefix, LIBDIR, 'pkgconfig')
    return run('pkg-config', *options, 'lesion', env={'PKG_CONFIG_PATH': path}).split()


def there(flags, folder):
    """Without the libraries that only static libraries of others need (Debian 13: -lzstd, by OpenSSL's pkg-config file),
    where they are not installed."""
    program = f'{folder}/empty.c'
    with open(program, 'w') as file:
        file.write('int main(void) { return 0; }\n')
    folders, found = [flag for flag in flags if flag.startswith('-L')], []
    for flag in flags:
        if flag.startswith('-l') and subprocess.run([*CC, program, '-o', f'{folder}/empty', *folders, flag],
                                                    stderr=subprocess.DEVNULL).returncode != 0:
            print(f'{flag} is not there: the static library is linked without')
        else:
            found.append(flag)
    return found


def test_example(prefix, folder):
    """The example compiles against both libraries, and finds what 'lesion eval' finds."""
    library = os.path.join(prefix, LIBDIR)
    source, shared, static = os.path.join(SOURCE, 'examples/ablate.c'), f'{folder}/shared', f'{folder}/static'
    run(*CC, *WARNINGS, '-std=c17', source, '-o', shared, *flags_of(prefix, '--cflags', '--libs'))
    private = there([flag for flag in flags_of(prefix, '--static', '--cflags', '--libs') if flag != '-llesion'], folder)
    run(*CC, *WARNINGS, '-std=c17', source, f'{library}/liblesion.a', '-o', static, *private)
    if not os.path.isfile(f'{IMAGES}/t10k-images-idx3-ubyte.gz'):
        print(f'no images in {IMAGES}: the example is compiled, not run')
        return
    files = [f'{IMAGES}/t10k-images-idx3-ubyte.gz', f'{IMAGES}/t10k-labels-idx1-ubyte.gz']
    weights = f'{prefix}/share/lesion/models/fashion-vgg19.safetensors'
    env = {'LD_LIBRARY_PATH': library + ':' + os.environ.get('LD_LIBRARY_PATH', '')}
    said = run(shared, weights, *files, env=env)
    expect(run(static, weights, *files) == said, 'the shared and the static library give different results')
    run(shared, weights, *files, '', env=env, code=2)
    run(shared, f'{folder}/none', *files, env=env, code=3)
    evaluated = run(f'{prefix}/bin/lesion', 'eval', f'{prefix}/share/lesion/configs/quickstart.yaml', '--set',
                    'data.take={first: 1000}', '--ablate', 'conv1_1:4,11')
    change = re.search(r'top-1 ([-+][\d.]+) points, loss ([-+][\d.]+) nats over 1000 images\n', said)
    expect(change is not None, f'the example says {said!r}')
    for name, scale, number in zip(('d_top1', 'd_loss'), (100, 1), change.groups() if change else ()):
        found = float(re.search(rf'^{name} +(\S+)', evaluated, re.M).group(1)) * scale
        expect(abs(found - float(number)) <= 5.1e-5 * scale, f'the example says {number}, lesion eval {name} {found}')


def write_images(folder):
    """Images of Fashion-MNIST's form, ten of each class."""
    with gzip.open(f'{folder}/t10k-images-idx3-ubyte.gz', 'wb') as f:
        f.write(struct.pack('>iiii', 0x803, 100, 28, 28) + bytes(i * 7 % 251 for i in range(100 * 28 * 28)))
    with gzip.open(f'{folder}/t10k-labels-idx1-ubyte.gz', 'wb') as f:
        f.write(struct.pack('>ii', 0x801, 100) + bytes(i % 10 for i in range(100)))


def test_program(prefix, folder):
    """The program runs the ready studies of another folder than it was built in, and writes to the current one."""
    lesion = f'{prefix}/bin/lesion'
    version = re.search(r"version: '([^']+)'", open(os.path.join(SOURCE, 'meson.build')).read()).group(1)
    expect(run(lesion, '--version') == f'lesion {version}\n', 'another --version than that of meson.build')
    write_images(folder)
    here = os.getcwd()
    os.chdir(folder)
    study = f'{prefix}/share/lesion/configs/quickstart.yaml'
    run(lesion, 'run', study, '--quiet', '--set', 'data.take={first: 10}', '--set',
        'ablate=[{name: few, layers: conv5_4, filters: {each: [0, 1]}}]', env={'FASHION_MNIST': folder})
    expect(os.path.isfile('results/quickstart.db'), 'no results/quickstart.db was written')
    os.chdir(here)


def test_studies(prefix):
    """What the ready studies name is installed with them."""
    share = f'{prefix}/share/lesion'
    for folder in ('configs', 'results/queries'):
        for name in os.listdir(os.path.join(SOURCE, folder)):
            expect(os.path.exists(f'{share}/{os.path.basename(folder)}/{name}'), f'{folder}/{name} is not installed')
    for name in ('bash-completion/completions/lesion', 'zsh/site-functions/_lesion',
                 'fish/vendor_completions.d/lesion.fish'):
        expect(os.path.isfile(f'{prefix}/share/{name}'), f'share/{name} is not installed')
    for page in glob.glob(f'{BUILD}/man/*.[15]'):
        installed = f'{prefix}/share/man/man{page[-1]}/{os.path.basename(page)}'
        expect(os.path.isfile(installed), f'{installed} is not there')
    for name in os.listdir(f'{share}/configs'):
        text = open(f'{share}/configs/{name}').read() if name.endswith('.yaml') else ''
        for file in re.findall(r'^ *(?:weights|classes): *([^$#\s]+)', text, re.M):
            expect(os.path.isfile(f'{share}/configs/{file}'), f'{name} names {file}, which is not installed')


def main():
    with tempfile.TemporaryDirectory() as folder:
        prefix = install(folder)
        test_headers(prefix)
        test_symbols(prefix)
        test_example(prefix, folder)
        test_program(prefix, folder)
        test_studies(prefix)
    print('\n'.join(wrong) or 'what is installed works')
    return 1 if wrong else 0


sys.exit(main())
