"""Makes templates.json.gz: chat templates, snippets of the template language, chats, and the texts that Jinja2 makes of them.

Reference: Jinja2 3.1.6 (BSD-3-Clause), set up as Hugging Face transformers does it (an immutable sandbox, trim_blocks,
lstrip_blocks, loop controls, the `generation` block, its own tojson), and `do` besides. Run it in the repository's root, with
the folder of the published templates:

    python3 packages/model/src/testing/vectors/make-template-vectors.py ../shared/data/chat-templates
"""
import datetime, functools, gzip, hashlib, json, pathlib, sys
import jinja2
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

folder = pathlib.Path(__file__).parent
now = datetime.datetime(2026, 11, 5, 15, 4, 9, tzinfo=datetime.timezone.utc)


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_support"), [], [], body).set_lineno(line)

    @jinja2.pass_eval_context
    def _support(self, context, caller):
        return caller()


class Raised(jinja2.exceptions.TemplateError):
    pass


def raise_exception(message):
    raise Raised(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


environment = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols, jinja2.ext.do]
)
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception
environment.globals["strftime_now"] = now.strftime


compiled = functools.cache(environment.from_string)


def outcome(template, variables):
    """The text; or the template's own message as {"raises": …}; or {"fails": true} for any other error."""
    try:
        return compiled(template).render(**variables)
    except Raised as error:
        return {"raises": str(error)}
    except Exception:
        return {"fails": True}


def function(name, description, parameters):
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


tools = [
    function("get_weather", "Weather of a city.\nNow & later: \"brief\", <short>, café ☂", {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Name of the city"},
            "days": {"type": "integer", "description": "Days ahead", "default": 1, "minimum": 0},
            "units": {"type": "string", "enum": ["metric", "imperial"]},
            "fields": {"type": "array", "items": {"type": "string"}},
            "place": {"type": "object", "properties": {"lat": {"type": "number"}, "lon": {"type": ["number", "null"]}}},
        },
        "required": ["city"],
    }),
    function("now", "The time.", {"type": "object", "properties": {}}),
]
arguments = {"city": "Zürich", "days": 2, "fields": ["rain", "it's \"wind\""], "place": {"lat": 47.5, "lon": None}, "brief": True}


def call(arguments, name="get_weather", id="call00001"):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def message(role, content, **more):
    return {"role": role, "content": content, **more}


def text(role, content):
    return message(role, [{"type": "text", "text": content}])


system, user = message("system", "  You are brief.\n"), message("user", " Hello\n\nthere {{ x }} <b>&amp;</b> 🦙 ")
answer, more = message("assistant", "Hi!\n"), message("user", "And now?")
result = message("tool", "{\"rain\": 0.5}", tool_call_id="call00001", name="get_weather")


def with_call(arguments, content=""):
    return [user, message("assistant", content, tool_calls=[call(arguments)]), result]


chats = {
    "plain": {"messages": [user]},
    "turns": {"messages": [user, answer, more]},
    "system": {"messages": [system, user, answer, more]},
    "no generation prompt": {"messages": [system, user, answer], "add_generation_prompt": False},
    "offered tools": {"messages": [system, user], "tools": tools},
    "tools": {"messages": [system, *with_call(arguments)], "tools": tools},
    "tools, then text": {
        "messages": [*with_call(arguments, "Let me look."), message("assistant", "Dry."), more], "tools": tools},
    "tools, arguments as text": {"messages": with_call(json.dumps(arguments, ensure_ascii=False)), "tools": tools},
    "tools, null content": {"messages": with_call(arguments, None), "tools": tools},
    "two calls": {
        "messages": [
            user,
            message("assistant", "", tool_calls=[call(arguments), call({}, "now", "call00002")]),
            result,
            message("tool", "12:00", tool_call_id="call00002", name="now"),
        ],
        "tools": tools,
    },
    "reasoning": {
        "messages": [user, message("assistant", "Hi!", reasoning_content="A greeting.\n"), more,
                     message("assistant", "<think>\nHm.\n</think>\n\nYes.")],
        "add_generation_prompt": False,
    },
    "parts": {"messages": [text("system", "Be brief."), text("user", "Hello"), text("assistant", "Hi"), text("user", "More")]},
    "user twice": {"messages": [user, more]},
}
# Chats only for templates that name the variable.
chats_by_name = {
    "documents": {"messages": [user], "documents": [
        {"title": "Rain", "text": "It rains.", "doc_id": 1}, {"title": "Sun", "text": "It\nshines \"bright\".", "doc_id": 2}]},
    "enable_thinking": {"messages": [system, user], "enable_thinking": False},
    "thinking": {"messages": [system, user], "thinking": True},
    "reasoning_effort": {"messages": [system, user], "reasoning_effort": "low"},
}
special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


def variables_of(chat):
    return {"tools": None, "documents": None, "add_generation_prompt": True, **special, **chat}


def published(path):
    template = path.read_text("utf8")
    names = [*chats, *(f"with {name}" for name in chats_by_name if name in template)]
    texts = {name: outcome(template, variables_of(chats_of[name])) for name in names}
    return {"name": path.stem, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "texts": texts}


chats_of = {**chats, **{f"with {name}": chat for name, chat in chats_by_name.items()}}
snippets = (folder / "template-snippets.txt").read_text("utf8").split("\n---\n")
snippet_chat = "tools"
vectors = {
    "chats": chats_of,
    "special": special,
    "wallMs": int(now.timestamp() * 1000),
    "templates": [published(path) for path in sorted(pathlib.Path(sys.argv[1]).glob("*.jinja"))],
    "snippetChat": snippet_chat,
    "snippets": [[snippet, outcome(snippet, variables_of(chats_of[snippet_chat]))] for snippet in snippets],
}
data = json.dumps(vectors, ensure_ascii=False, separators=(",", ":")).encode()
(folder / "templates.json.gz").write_bytes(gzip.compress(data, 9, mtime=0))
