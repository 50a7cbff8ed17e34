import Testing

@Suite("Prometheus text parser")
struct PrometheusTextParserTests {
    @Test("families, suffixes, help, labels and timestamps are read")
    func page() {
        let page = """
            # HELP wait_seconds Waits, with \\\\ and \\n and \\" and \\x.
            #   TYPE wait_seconds histogram
            wait_seconds_bucket{path="/",le="1"} 4
            wait_seconds_bucket{path="/",le="+Inf",} 5
            wait_seconds_sum{path="/"} 2.5
            wait_seconds_count { path = "/" }\t5
            # TYPE gc summary
            gc{quantile="0.5"} 1e-05
            gc_sum 8 123123
            gc_count 9  \t 1395066363000
            # a comment, and one without a blank:
            #HELP x
            #

            # HELP late Help after the samples.
            late{z="1",a="2" m="3"} +Inf
            lone_total 0x
            """.replacing("0x", with: "-.5")
        #expect(
            parsed(page) == [
                "# wait_seconds histogram 'Waits, with \\ and \n and \\\" and \\x.' ''",
                "# gc summary '' ''",
                "# late untyped 'Help after the samples.' ''",
                "# lone_total untyped '' ''",
                #"wait_seconds_bucket{le="1",path="/"} 4.0"#,
                #"wait_seconds_bucket{le="+Inf",path="/"} 5.0"#,
                #"wait_seconds_sum{path="/"} 2.5"#,
                #"wait_seconds_count{path="/"} 5.0"#,
                #"gc{quantile="0.5"} 1e-05"#,
                "gc_sum{} 8.0 @123123",
                "gc_count{} 9.0 @1395066363000",
                #"late{a="2",m="3",z="1"} inf"#,
                "lone_total{} -0.5",
            ])
    }

    @Test("names in quotes are taken in braces, in metadata and for labels")
    func quotedNames() {
        #expect(
            parsed(
                #"""
                # TYPE "http.wait" gauge
                {"http.wait",a="b"} 1
                { "http.wait" , "b.c" = "d", a="" } 2
                {a="x","plain"} 3
                plain 4
                """#) == [
                    "# http.wait gauge '' ''", "# plain untyped '' ''",
                    #"http.wait{a="b"} 1.0"#, #"http.wait{a="","b.c"="d"} 2.0"#, #"plain{a="x"} 3.0"#, "plain{} 4.0",
                ])
    }

    @Test("escapes of values are kept in one form, line feeds and NUL may stand in them")
    func escapes() {
        #expect(parsed(#"a{b="x\\y\"z\nw"} 1"#).last == #"a{b="x\\y\"z\nw"} 1.0"#)
        #expect(parsed(#"a{b="\x"} 1"#).last == #"a{b="\\x"} 1.0"#)
        #expect(parsed("a{b=\"x\ny\"} 1").last == #"a{b="x\ny"} 1.0"#)
        #expect(parsed("a{b=\"\0\"} 1").last == "a{b=\"\0\"} 1.0")
    }

    @Test("a label may stand twice here")
    func repeatedLabel() { #expect(parsed(#"a{b="1",c="2",b="1"} 1"#).last == #"a{b="1",b="1",c="2"} 1.0"#) }

    @Test("a NUL where a line may begin ends the page")
    func nul() {
        #expect(parsed("a 1\n\0 b } 2") == ["# a untyped '' ''", "a{} 1.0"])
        #expect(parsed("a 1\n#x\0y\nb 2").count == 2)
        #expect(parsed("a 1\n# x\0y\nb 2").count == 4)
    }

    @Test(
        "what Prometheus refuses is refused, with the place",
        arguments: [
            ("a", #"line 1, column 2: expected a value, found the end"#),
            ("a{b='c'} 1\n", #"line 1, column 5: expected a label's value in double quotes, found "'c'}""#),
            ("a{b=\n", "line 1, column 5: expected a label's value in double quotes, found the end of the line"),
            (#"{"a", "b = "c"}"#, #"line 1, column 13: expected = and the label's value, found "c"}""#),
            (#"{"a",b\nc="d"} 1"#, #"line 1, column 7: expected = and the label's value, found "\nc="d"}""#),
            ("x 1\na true\n", #"line 2, column 3: expected a number, found "true""#),
            ("s{p=\"", #"line 1, column 5: expected a label's value in double quotes, closed, found """"#),
            ("e{=\"\"} 0", #"line 1, column 3: expected a label's name or }, found "=""}""#),
            ("{A}0", "line 1, column 3: expected = and the label's value, found \"}0\""),
            ("foo 1_2\n", #"line 1, column 5: expected a number, found "1_2""#),
            ("foo 0x1p-3\n", #"line 1, column 5: expected a number, found "0x1p-3""#),
            ("foo 0 1_2\n", #"line 1, column 8: expected the end of the line, found "_2""#),
            ("foo 0 -1\n", #"line 1, column 7: expected a timestamp or the end of the line, found "-1""#),
            (#"{a="ok"} 1"#, #"line 1, column 2: expected a metric's name in the braces, found "a="ok"}""#),
            ("# TYPE #\n#EOF\n", ##"line 1, column 8: expected a metric's name, found "#""##),
            ("# HELP #\n#EOF\n", ##"line 1, column 8: expected a metric's name, found "#""##),
            (
                "# TYPE a counter \n",
                #"line 1, column 10: expected counter, gauge, histogram, summary or untyped, found "counter ""#
            ),
            ("a{b=\"\0", #"line 1, column 5: expected a label's value in double quotes, closed, found """"#),
            ("a{b\0=\"h\"}\t1", #"line 1, column 4: expected = and the label's value, found "\0="h"}""#),
            ("a\0{b=\"d\"} 1", #"line 1, column 2: expected a value, found "\0{b="d"}""#),
            ("a 0 1\0", #"line 1, column 6: expected the end of the line, found "\0""#),
            ("a 1\r\n", #"line 1, column 3: expected a number, found "1\r""#),
            ("a 1\n b 1", #"line 2, column 1: expected no blank before a metric's name, found " ""#),
            ("a{,b=\"1\"} 1", #"line 1, column 3: expected a label's name or }, found ",b="1"}""#),
            ("a{b=\"1\"}{} 1", #"line 1, column 9: expected a value, found "{}""#),
            (#"a{"b"} 1"#, #"line 1, column 3: expected one name of the metric, found ""b"""#),
            ("9 1", #"line 1, column 1: expected a metric's name, { or #, found "9""#),
            ("a 1e999", #"line 1, column 3: expected a number, found "1e999""#),
            (
                "a 1 9223372036854775808",
                "line 1, column 5: expected a timestamp in milliseconds of 64 bits, found \"9223372036854775808\""
            ),
        ] as [(String, String)])
    func errors(_ page: String, _ error: String) {
        #expect(parsed(page) == ["error: \(error)"])
    }

    @Test("bytes that are no UTF-8 are refused in names and values, and in help")
    func invalidUTF8() {
        #expect(parsed(Array("a{".utf8) + [0xff] + Array("=\"foo\"} 1\n".utf8))[0].hasPrefix("error: line 1, column 3"))
        #expect(parsed(Array("a{b=\"".utf8) + [0xff] + Array("\"} 1\n".utf8))[0].contains("value in UTF-8"))
        #expect(parsed(Array("# HELP a ".utf8) + [0xff] + Array("\n".utf8))[0].contains("help in UTF-8"))
        #expect(parsed(Array("{\"".utf8) + [0xff] + Array("\"} 1\n".utf8))[0].contains("name in UTF-8"))
    }

    @Test("an error takes back the whole page and leaves what was there before")
    func allOrNothing() {
        #expect(parsed("a 1\nb 2\nc {\n").count == 1)
    }
}
