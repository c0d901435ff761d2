"""Makes tokenizers.json: small tokenizers, texts, and the ids that the reference implementations give.

Reference: Hugging Face tokenizers 0.23.2 (Apache-2.0) and SentencePiece 0.2.2 (Apache-2.0). The vocabularies are trained
on README.md of this repository. Run it in the repository's root:

    python3 packages/model/src/testing/vectors/make-tokenizer-vectors.py
"""
import base64, io, json, pathlib, tempfile
import sentencepiece as spm
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

lines = [line for line in pathlib.Path("README.md").read_text().split("\n") if line]
texts = [
    "", " ", "Hello world", " Hello  world ", "\tTabs\nand lines\r\n", "The swarm runs a model over several devices.",
    "ünïcödé Straße ﬁne ＡＢＣ ①", "日本語 text 🦙🦙 end", "don't, can't. It's 12345 + 678!", "a<s>b</s>c", "x <mask>  y",
    "<tool> tools <tool>ing", "mid [CLS] end [SEP] end", "word word_word WORD", "e\u0301 and \u1e9b\u0323", "  ▁ marked ▁",
    "<0x0A> literal", "x<|im_end|>y <|IM_END|> z",
]
special = ["<unk>", "<s>", "</s>"]
added = [
    AddedToken("<mask>", lstrip=True, special=True),
    AddedToken("<tool>", single_word=True, normalized=False),
    AddedToken("<right>", rstrip=True, normalized=True),
    AddedToken("<|im_end|>", special=True, normalized=True),
]


def hugging_face(name, tokenizer):
    cases = [[text, tokenizer.encode(text).ids, tokenizer.encode(text, add_special_tokens=False).ids] for text in texts]
    return {"name": name, "tokenizer": json.loads(tokenizer.to_str()), "cases": cases}


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    tokenizer.train_from_iterator(lines, trainers.UnigramTrainer(vocab_size=300, special_tokens=special, unk_token="<unk>"))
    tokenizer.add_tokens(added)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    return hugging_face("Unigram", tokenizer)


def word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(lines, trainers.WordPieceTrainer(vocab_size=300, special_tokens=tokens))
    tokenizer.add_tokens(added)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return hugging_face("WordPiece", tokenizer)


def byte_pairs():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.Punctuation("contiguous"),
    ])
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=300, special_tokens=special))
    tokenizer.add_tokens(added)
    return hugging_face("BPE by words, digits and punctuation", tokenizer)


def sentence_piece(name, **options):
    out = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=out, vocab_size=420, hard_vocab_limit=False, minloglevel=2,
        user_defined_symbols=["<tool>"], num_threads=1, **options)
    model = spm.SentencePieceProcessor(model_proto=out.getvalue())
    # What begins with an added token differs by design: SentencePiece puts its space before the token.
    plain = [text for text in texts if "<" not in text]
    return {"name": name, "model": base64.b64encode(out.getvalue()).decode(), "cases": [[text, model.encode(text)] for text in plain]}


# A few rules in place of NFKC, whose table has 240 kB. A rule is a text and what replaces it, in hexadecimal.
rules = {"ＡＢ": "ab", "Ａ": "a", "Ｃ": "c", "ﬁ": "fi", "①": "1", "\t": " ", "\n": " ", "\r": "", "e\u0301": "é", "ü": "u"}
codes = lambda text: " ".join(f"{ord(character):X}" for character in text)
with tempfile.NamedTemporaryFile("w", suffix=".tsv") as table:
    table.write("".join(f"{codes(old)}\t{codes(new)}\n" for old, new in rules.items()))
    table.flush()
    u = sentence_piece("SentencePiece Unigram", model_type="unigram", normalization_rule_tsv=table.name)
result = {
    "tokenizers": [unigram(), word_piece(), byte_pairs()],
    "models": [
        u,
        sentence_piece("SentencePiece Unigram with bytes", model_type="unigram", byte_fallback=True, normalization_rule_name="identity"),
        sentence_piece("SentencePiece BPE with bytes", model_type="bpe", byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False),
    ],
}
out = pathlib.Path("packages/model/src/testing/vectors/tokenizers.json")
out.write_text(json.dumps(result, ensure_ascii=False, separators=(",", ":")) + "\n")
print(out.stat().st_size)
