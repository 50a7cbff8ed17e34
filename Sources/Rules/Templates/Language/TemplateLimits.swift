/// What an expansion may take. Rule files are trusted less than code.
package struct TemplateLimits: Sendable {
    /// Bytes of the text and of every string on the way to it.
    package var output = 1 << 20
    /// Commands evaluated and nodes walked; every 64 bytes of a string made count as one.
    package var steps = 200_000
    /// How deep templates may call templates.
    package var templateDepth = 50
    /// How deep bodies, and pipelines as four of them, may nest while they are evaluated, over all templates: what the
    /// stack of a worker thread (512 KiB) holds in a debug build.
    package var nesting = 130

    package init() {}
}
