//! What code finds at run time by an ending or as data of a package stays in the layer.

use crate::harness::Sandbox;
use crate::packages::wheel_of;
use crate::zip::{members, names};

/// Files of the layer with the package of these files, and what its own code adds.
fn layer(files: &[(&str, &str)], own: &[(&str, &str)]) -> String {
    let sandbox = Sandbox::with_requirements("./wheels/pkg-1.0-py3-none-any.whl\n");
    wheel_of(&sandbox.path("wheels"), "pkg", "1.0", files);
    sandbox.write("own/mine/__init__.py", "");
    for (path, text) in own {
        sandbox.write(&format!("own/{path}"), text);
    }
    sandbox.run(&["build", "--output", "layer.zip", "--python-version", "3.13", "--source", "own"]).run().success();
    names(&members(&sandbox.path("layer.zip"))).join("\n")
}

#[test]
fn files_that_code_names_by_their_ending() {
    let files = [
        ("pkg/__init__.py", "import os\ntemplates = [n for n in os.listdir(here) if n.endswith('.asm')]\n"),
        ("pkg/util/load.py", "def load(name): return open(f'{here}/../data/{name}.hpp')\n"),
        ("pkg/util/more.py", "include = '%s/%s.S' % names; known = ('.pxd',)\n"),
        ("pkg/util/other.py", "#include 'x.f90', '.f90'\nself.c = c.cc; p('pkg/api.h', 'x.c', '.cpp.o')\n"),
        ("pkg/templates/amd64/mov.asm", ""),
        ("pkg/data/api.h", ""),
        ("pkg/data/one.hpp", ""),
        ("pkg/data/two.S", ""),
        ("pkg/data/three.pxd", ""),
        ("pkg/src/a.c", ""),
        ("pkg/src/b.cc", ""),
        ("pkg/src/c.h", ""),
        ("pkg/src/d.f90", ""),
        ("pkg/src/e.pyx", ""),
    ];
    let own = [("mine/read.py", "from importlib.resources import files\nall = files('pkg').rglob('*.pyx')\n")];
    insta::assert_snapshot!(layer(&files, &own), @r"
    python/mine/__init__.py
    python/mine/read.py
    python/pkg/__init__.py
    python/pkg/data/api.h
    python/pkg/data/one.hpp
    python/pkg/data/three.pxd
    python/pkg/data/two.S
    python/pkg/src/e.pyx
    python/pkg/templates/amd64/mov.asm
    python/pkg/util/load.py
    python/pkg/util/more.py
    python/pkg/util/other.py
    ");
}

#[test]
fn data_of_packages_inside_tests() {
    let files = [
        ("pkg/__init__.py", "from importlib.resources import files\nx = files('pkg.a.tests') / 'x.json'\n"),
        ("pkg/a/tests/__init__.py", ""),
        ("pkg/a/tests/x.json", ""),
        ("pkg/b/__init__.py", "import pkgutil\nx = pkgutil.get_data(__package__ + '.tests.data', 'x.json')\n"),
        ("pkg/b/tests/data/x.json", ""),
        ("pkg/c/__init__.py", "NAME = 'pkg.c.tests'\nx = importlib.resources.read_text(NAME, 'x.json')\n"),
        ("pkg/c/tests/x.json", ""),
        ("pkg/d/__init__.py", "from . import tests\nimport importlib_resources as r\nx = r.files(tests)\n"),
        ("pkg/d/tests/__init__.py", ""),
        ("pkg/d/tests/x.json", ""),
        ("pkg/e/tests/x.json", ""),
        ("pkg/f/tests/__init__.py", ""),
        ("pkg/f/tests/x.json", ""),
        ("pkg/g/__init__.py", "x = os.path.join(\n    os.path.dirname(__file__),\n    'tests',\n    'x.json',\n)\n"),
        ("pkg/g/tests/x.json", ""),
        ("pkg/h/__init__.py", "x = open(f'{HERE}/tests/x.json')\n"),
        ("pkg/h/tests/x.json", ""),
        ("tests/x.json", ""),
    ];
    let own = [
        ("mine/e.py", "x = pkg_resources.resource_filename('pkg.e', 'tests/x.json')\ny = files('tests') / 'x.json'\n"),
        ("mine/f.py", "'''files('pkg.f.tests')'''\n# files('pkg.f.tests')\nskip = {'tests', 'pkg.f.tests'}\n"),
    ];
    insta::assert_snapshot!(layer(&files, &own), @r"
    python/mine/__init__.py
    python/mine/e.py
    python/mine/f.py
    python/pkg/__init__.py
    python/pkg/a/tests/__init__.py
    python/pkg/a/tests/x.json
    python/pkg/b/__init__.py
    python/pkg/b/tests/data/x.json
    python/pkg/c/__init__.py
    python/pkg/c/tests/x.json
    python/pkg/d/__init__.py
    python/pkg/d/tests/__init__.py
    python/pkg/d/tests/x.json
    python/pkg/e/tests/x.json
    python/pkg/f/tests/__init__.py
    python/pkg/g/__init__.py
    python/pkg/g/tests/x.json
    python/pkg/h/__init__.py
    python/pkg/h/tests/x.json
    python/tests/x.json
    ");
}
