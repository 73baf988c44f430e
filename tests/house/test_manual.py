#!/usr/bin/env python3
"""Options are the same in the program, its help, the manual pages and the completions; lesion-study(5) has every word
that a study can have, and its examples are right.

usage: test_manual.py LESION FOLDER    (the folder that pages and completions were made in; by meson test)
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
LESION, MADE = sys.argv[1:]
sys.path.insert(0, os.path.join(SOURCE, 'man'))
sys.dont_write_bytecode = True
import make_manual  # noqa: E402

wrong = []


def expect(condition, what):
    if not condition:
        wrong.append(what)


def same(have, want, what):
    expect(set(have) == set(want), f'{what}: too many: {sorted(set(have) - set(want))}, '
                                   f'missing: {sorted(set(want) - set(have))}')


def read(*path):
    return open(os.path.join(*path)).read()


# ---- the program and its help -----------------------------------------------------------------------------------


def run(*words):
    return subprocess.run([LESION, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def check_help(commands):
    overview = run('--help').stdout
    for command in commands:
        expect(re.search(rf'^  {command.name} +{re.escape(command.summary)}$', overview, re.M), f'--help: {command.name}')
        text = run(command.name, '--help').stdout
        same(re.findall(r'^  (?:-\w, )?(--[\w-]+)', text, re.M), [option.long for option in command.options],
             f'options in the help of {command.name}')
        told = ' '.join(text.split())
        for option in command.options:
            expect(f'{", ".join(option.names)} {option.value}'.strip() in text, f'{command.name} --help: {option.long}')
            expect(option.text in told, f'{command.name} --help: {option.long}: another text')
            expect(len(option.text) > 3, f'{command.name} {option.long}: no help')


# ---- manual pages -----------------------------------------------------------------------------------------------


def plain(page):
    """A page as text, one line a paragraph."""
    text = re.sub(r'^\.(?!B|I|R).*$', '', page, flags=re.M)
    return re.sub(r'\\f[BIRP]|\\&', '', text).replace('\\-', '-').replace('\\(aq', "'").replace('\\e', '\\')


def check_pages(commands):
    have = {os.path.basename(path) for path in glob.glob(os.path.join(MADE, '*.[15]'))}
    if not have:
        print('scdoc is not installed: no manual pages to check')
        return
    same(have, {f'lesion-{command.name}.1' for command in commands} | {'lesion.1', 'lesion-study.5', 'lesion-results.5'},
         'manual pages')
    overview = read(MADE, 'lesion.1')
    for command in commands:
        page = plain(read(MADE, f'lesion-{command.name}.1'))
        listed = re.findall(r'^((?:-\w, )?--[\w-]+)', page[page.index('.SH OPTIONS') if '.SH OPTIONS' in page else 0:], re.M)
        same([names.split(', ')[-1] for names in listed], [o.long for o in command.options],
             f'options in lesion-{command.name}(1)')
        expect(command.summary in plain(overview), f'lesion(1) does not say what {command.name} is for')
    mandoc = shutil.which('groff')
    for page in sorted(have) if mandoc else []:
        said = subprocess.run([mandoc, '-man', '-Tutf8', '-ww', os.path.join(MADE, page)], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True).stderr
        expect(said == '', f'{page}: {said}')


# ---- the study file ---------------------------------------------------------------------------------------------


def study_words():
    """All keys and words that the study's parsers know, from their tables."""
    found = set()
    for path in glob.glob(os.path.join(SOURCE, 'src/study/parse*.c')):
        for body in re.findall(r'\*const (?:keys|known|words|cuts|metrics|amounts|directions|names)\[\] = \{(.*?)\};',
                               read(path), re.S):
            found |= set(re.findall(r'"(\w+)"', body))
    scores = read(SOURCE, 'src/study/parse_scores.c')
    found |= set(re.findall(r'\[LSN_\w+\] = "(\w+)"', scores[:scores.index('static void')]))
    readers = re.search(r'readers\[\] = \{(.*?)\n\};', read(SOURCE, 'src/study/parse_filters.c'), re.S).group(1)
    found |= set(re.findall(r'^    \{"(\w+)"', readers, re.M))
    for path in ('src/study/distances.c', 'src/study/cluster.c', 'src/net/mask.c', 'src/data/data.c', 'src/data/reshape.c'):
        for body in re.findall(r'\*const \w+\[[^\]]*\] = \{(.*?)\};', read(SOURCE, path), re.S):
            found |= set(re.findall(r'"(\w+)"', body))
    return found


def check_words(page):
    words = study_words()
    expect({'half_width', 'cumulative', 'cosine', 'ward', 'resample', 'imagefolder', 'bicubic', 'apoz', 'skip_broken'} <= words,
           f'this test does not find the words of a study any more: {sorted(words)}')
    for word in sorted(words):
        expect(re.search(rf'(?<!\w){word}(?!\w)', page), f'lesion-study(5) does not know "{word}"')


def write_images(folder):
    with gzip.open(f'{folder}/images.gz', 'wb') as f:
        f.write(struct.pack('>iiii', 0x803, 100, 28, 28) + bytes(i * 7 % 251 for i in range(100 * 28 * 28)))
    with gzip.open(f'{folder}/labels.gz', 'wb') as f:
        f.write(struct.pack('>ii', 0x801, 100) + bytes(i % 10 for i in range(100)))


def check_examples(source):
    """Every 'filters:', 'mode:' and 'stop:' line of the page, as an experiment of one study."""
    lines = re.findall(r'^(filters|mode|stop): (.*)$', source, re.M)
    expect(len(lines) > 20, f'only {len(lines)} examples were found in lesion-study(5)')
    experiments = [f'  - {{name: e{i}, layers: [conv5_1, conv5_2], {key}: {value}'
                   f'{", filters: [0]" if key == "mode" else ""}}}'
                   for i, (key, value) in enumerate(lines) if key != 'stop']
    stops = [f'{key}: {value}' for key, value in lines if key == 'stop']
    with tempfile.TemporaryDirectory() as folder:
        write_images(folder)
        study = f'{folder}/study.yaml'
        open(study, 'w').write('\n'.join([
            'study: manual', f'model: {{weights: {SOURCE}/models/fashion-vgg19.safetensors}}',
            'data: {format: idx, images: images.gz, labels: labels.gz, preprocess: {pad: 2}, take: {first: 20},',
            '       calibration: {count: 20}}', 'ablate:', *experiments, *stops, '']))
        done = subprocess.run([LESION, 'inspect', study], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        expect(done.returncode == 0, f'examples of lesion-study(5) are refused:\n{done.stdout}')
        whole = re.search(r'^```\n(study: .*?)^```$', source, re.M | re.S).group(1)
        open(study, 'w').write(whole)
        done = subprocess.run([LESION, 'inspect', study], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env={**os.environ, 'IMAGENET': '/nowhere'})
        said = [line for line in done.stdout.split('\n') if 'cannot be opened' not in line and 'mistake' not in line]
        expect(done.returncode == 3 and not ''.join(said), f'the first example of lesion-study(5):\n{done.stdout}')


# ---- results ----------------------------------------------------------------------------------------------------


def check_views(source):
    views = set(re.findall(r'CREATE VIEW (\w+)', read(SOURCE, 'src/store/views.sql')))
    listed = re.search(r'^# VIEWS\n(.*?)^# ', source, re.M | re.S).group(1)
    named = {name for line in re.findall(r'^(\*.*)$', listed, re.M) for name in re.findall(r'\*([\w\\]+)\*', line)}
    same({name.replace('\\', '') for name in named}, views, 'views in lesion-results(5)')


# ---- completions ------------------------------------------------------------------------------------------------


def complete_bash(words):
    script = (f'source {MADE}/lesion; compopt() {{ :; }}; COMP_WORDS=({" ".join(words)} ""); '
              f'COMP_WORDS[-1]="$1"; COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _lesion; printf "%s\\n" "${{COMPREPLY[@]}}"')
    return lambda word: subprocess.run(['bash', '-c', script, 'bash', word], stdout=subprocess.PIPE,
                                       text=True).stdout.split()


def check_bash(commands):
    same(complete_bash(['lesion'])(''), [*(command.name for command in commands), 'help', '--help', '--version'], "bash: 'lesion '")
    for command in commands:
        names = [name for option in command.options for name in option.names]
        same(complete_bash(['lesion', command.name])('-'), names, f"bash: 'lesion {command.name} -'")
    same(complete_bash(['lesion', 'eval', '--mode'])(''), ['zero', 'mean', 'resample', 'noise'], "bash: 'eval --mode '")
    same(complete_bash(['lesion', 'export', '--format'])('j'), ['jsonl'], "bash: 'export --format j'")


def check_fish(commands):
    if not shutil.which('fish'):
        print('fish is not installed: its completion is not tried')
        return
    for command in commands:
        line = f"source {MADE}/lesion.fish; complete -C 'lesion {command.name} --'"
        with tempfile.TemporaryDirectory() as home:
            said = subprocess.run(['fish', '-c', line], stdout=subprocess.PIPE, text=True,
                                  env={**os.environ, 'HOME': home, 'XDG_CONFIG_HOME': home}).stdout
        same(re.findall(r'^(--[\w-]+)', said, re.M), [o.long for o in command.options], f"fish: 'lesion {command.name} --'")


def check_zsh(commands):
    text = read(MADE, '_lesion')
    for command in commands:
        arm = re.search(rf'^    {command.name}\)\n(.*?);;', text, re.M | re.S).group(1)
        same(re.findall(r"'\*?(--[\w-]+)\[|\{-\w,(--[\w-]+)\}", arm) and
             [a or b for a, b in re.findall(r"'\*?(--[\w-]+)\[|\{-\w,(--[\w-]+)\}", arm)],
             [o.long for o in command.options], f'zsh: options of {command.name}')
    if shutil.which('zsh'):
        expect(subprocess.run(['zsh', '-n', f'{MADE}/_lesion']).returncode == 0, 'zsh: the completion is no zsh')
    else:
        print('zsh is not installed: its completion is read, not tried')


def main():
    commands = make_manual.load(os.path.join(MADE, 'command_tables'))
    check_help(commands)
    check_pages(commands)
    study, results = read(SOURCE, 'man/lesion-study.5.scd'), read(SOURCE, 'man/lesion-results.5.scd')
    check_words(study.replace('\\_', '_'))
    check_examples(study)
    check_views(results)
    check_bash(commands)
    check_zsh(commands)
    check_fish(commands)
    print('\n'.join(wrong) or f'{len(commands)} commands: help, manual and completions agree')
    return 1 if wrong else 0


sys.exit(main())
