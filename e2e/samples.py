"""What makes programs of code samples: checks, compiles and starts them, per language.

Each function takes the sources by name and a folder of its own, fails with what the language's own tools say, and returns
the command of each program; nothing where the language can only be read here.
"""

import json
import os
import shutil
import subprocess

import tree_sitter
import tree_sitter_c_sharp
import tree_sitter_cpp

import go_model
import programs

BUILD_SECONDS = 600
VENV = programs.CACHE / "venv" / "bin"
STAND_INS = programs.HERE / "clients"


def tool(*command, **more):
    """Runs a tool, which must like what it is given."""
    done = subprocess.run(
        [str(word) for word in command],
        **{"capture_output": True, "text": True, "timeout": BUILD_SECONDS, "env": programs.client_environment(), **more},
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


def write(folder, sources, ending):
    """The sources as files, by name."""
    folder.mkdir(parents=True)
    paths = {name: folder / f"{name}{ending}" for name in sources}
    for name, path in paths.items():
        path.write_text(sources[name], encoding="utf-8")
    return paths


def python(folder, sources):
    for name, source in sources.items():
        compile(source, name, "exec")
    return {name: [VENV / "python", path] for name, path in write(folder, sources, ".py").items()}


def nodejs(folder, sources):
    paths = write(folder, sources, ".js")
    reads = 'process.argv.slice(1).forEach((file) => new vm.Script(fs.readFileSync(file, "utf8"), { filename: file }))'
    tool("node", "-e", reads, *paths.values())
    return {name: [shutil.which("node"), path] for name, path in paths.items()}


def bash(folder, sources):
    paths = write(folder, sources, ".sh")
    for path in paths.values():
        tool("bash", "-n", path)
    return {name: [shutil.which("bash"), path] for name, path in paths.items()}


def php(folder, sources):
    """The SDK is a stand-in, to which nothing is sent."""
    paths = write(folder, sources, ".php")
    (folder / "vendor").mkdir()
    shutil.copy(STAND_INS / "php" / "autoload.php", folder / "vendor")
    for path in paths.values():
        tool("php", "-l", path)
    return {name: [shutil.which("php"), path] for name, path in paths.items()}


def ruby(folder, sources):
    """The SDK is a stand-in, to which nothing is sent."""
    paths = write(folder, sources, ".rb")
    for path in paths.values():
        tool("ruby", "-c", path)
    return {name: [shutil.which("ruby"), "-I", STAND_INS / "ruby", path] for name, path in paths.items()}


def csharp(folder, sources):
    return parse(tree_sitter_c_sharp.language(), sources)


def cpp(folder, sources):
    return parse(tree_sitter_cpp.language(), sources)


def parse(grammar, sources):
    """Reads the sources by a grammar, for what has no compiler here that knows the SDK."""
    parser = tree_sitter.Parser(tree_sitter.Language(grammar))
    for name, source in sources.items():
        tree = parser.parse(source.encode())
        assert not tree.root_node.has_error, f"{name}:\n{tree.root_node}\n{source}"
    return {}


def go(folder, sources):
    """One program with a package for each sample, so that it is linked once. Its cdb client is a stand-in: see go_model.py."""
    for name, source in sources.items():
        package = renamed_once(source, "\npackage main\n", f"\npackage {name}\n")
        write(folder / name, {"main": renamed_once(package, "\nfunc main() ", "\nfunc Main() ")}, ".go")
    imports = "".join(f'\t"samples/{name}"\n' for name in sources)
    cases = "".join(f'\tcase "{name}":\n\t\t{name}.Main()\n' for name in sources)
    main = f'package main\n\nimport (\n\t"os"\n{imports})\n\nfunc main() {{\n\tswitch os.Args[1] {{\n{cases}\t}}\n}}\n'
    (folder / "main.go").write_text(main)
    go_model.write(folder)
    environment = programs.client_environment(GOTOOLCHAIN="local", GOFLAGS="-mod=mod")
    tool("go", "build", "-trimpath", "-buildvcs=false", "-o", "samples", ".", cwd=folder, env=environment)
    return {name: [folder / "samples", name] for name in sources}


def java(folder, sources):
    """All in one compilation, so each class gets a name of its own."""
    old = "public final class Sample "
    renamed = {name: renamed_once(source, old, old.replace("Sample", name)) for name, source in sources.items()}
    paths = write(folder, renamed, ".java")
    libraries = f"{programs.CACHE}/java/lib/*"
    tool("javac", "-encoding", "US-ASCII", "-d", folder / "classes", "-cp", libraries, *paths.values())
    command = [shutil.which("java"), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    command += ["-cp", f"{folder}/classes:{libraries}"]
    return {name: [*command, name] for name in sources}


def rust(folder, sources):
    """One package with a module for each sample. What it depends on is built once and kept."""
    modules = {name: renamed_once(source, "\nfn main() ", "\npub fn main() ") for name, source in sources.items()}
    arms = "".join(f"        Some({json.dumps(name)}) => {name}::main(),\n" for name in sources)
    declarations = "".join(f"#[allow(non_snake_case)]\nmod {name};\n" for name in sources)
    main = (
        f"{declarations}\nfn main() -> Result<std::process::ExitCode, Box<dyn std::error::Error>> {{\n"
        f"    match std::env::args().nth(1).as_deref() {{\n{arms}        _ => unreachable!(),\n    }}\n}}\n"
    )
    # Always in the same place, so that what cargo keeps is used again and does not pile up.
    home = programs.CACHE / "rust"
    shutil.rmtree(home / "package", ignore_errors=True)
    write(home / "package" / "src", {**modules, "main": main}, ".rs")
    package = programs.HERE / "clients" / "rust"
    manifest = (package / "Cargo.toml").read_text()
    wire = programs.REPOSITORY / "crates" / "wire"
    (home / "package" / "Cargo.toml").write_text(renamed_once(manifest, "../../../crates/wire", str(wire)))
    shutil.copy(package / "Cargo.lock", home / "package")
    environment = programs.client_environment(CARGO_TARGET_DIR=str(home / "target"))
    # From the repository, because that is what chooses the toolchain.
    command = ["cargo", "build", "--quiet", "--locked", "--manifest-path", home / "package" / "Cargo.toml"]
    tool(*command, cwd=programs.REPOSITORY, env=environment)
    folder.mkdir(parents=True)
    program = shutil.copy(home / "target" / "debug" / "samples", folder)
    return {name: [program, name] for name in sources}


def renamed_once(source, old, new):
    assert source.count(old) == 1, f"{old!r} in\n{source}"
    return source.replace(old, new)


# In the order in which `signet sample` offers them.
LANGUAGES = {
    "python": python,
    "go": go,
    "java": java,
    "nodejs": nodejs,
    "php": php,
    "csharp": csharp,
    "cpp": cpp,
    "ruby": ruby,
    "tccli": bash,
    "curl": bash,
    "rust": rust,
}
# Those that can be run against a service here, against a stand-in, and not at all.
RUNNABLE = ("python", "go", "java", "nodejs", "tccli", "curl", "rust")
STANDING_IN = ("php", "ruby")
READABLE = ("csharp", "cpp")


def sample(language, endpoint, service, action, parameters):
    """The sample that `signet` prints; it needs no service for that."""
    words = [service, action, "--json", json.dumps(parameters), "--language", language]
    return tool(programs.built("signet"), "sample", *words, "--endpoint", f"http://{endpoint}")


def environment(home, **more):
    """What a sample's reader has: a key, the SDKs and the commands."""
    path = f"{programs.built('signet').parent.resolve()}:{VENV}:{os.environ['PATH']}"
    return programs.client_environment(
        TENCENTCLOUD_SECRET_ID=programs.SECRET_ID,
        TENCENTCLOUD_SECRET_KEY=programs.SECRET_KEY,
        NODE_PATH=str(programs.CACHE / "node" / "node_modules"),
        HOME=str(home),
        PATH=path,
        **more,
    )


def example(schema, definitions):
    """A value as the contract gives it for an example."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return example(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions)
    for word in ("oneOf", "anyOf"):
        if word in schema:
            return example(schema[word][0], definitions)
    if "const" in schema:
        return schema["const"]
    kind = schema["type"][0] if isinstance(schema["type"], list) else schema["type"]
    if kind == "array":
        return [example(schema["items"], definitions)]
    if kind == "object":
        return {name: example(field, definitions) for name, field in schema.get("properties", {}).items()}
    return {"boolean": True, "string": "text"}[kind]


def examples():
    """Every action of both services with every parameter it has: (service, action, parameters)."""
    for path in sorted((programs.REPOSITORY / "contract").glob("*.json")):
        contract = json.loads(path.read_text(encoding="utf-8"))
        for action in contract["actions"]:
            parameters = example(action["input"], action["input"].get("$defs"))
            yield contract["service"], action["name"], parameters
