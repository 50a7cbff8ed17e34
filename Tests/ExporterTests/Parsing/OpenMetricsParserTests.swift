import Testing

private func open(_ page: String) -> [String] { parsed(page, openMetrics: true) }

@Suite("OpenMetrics parser")
struct OpenMetricsParserTests {
    @Test("families, suffixes, units, timestamps and exemplars are read")
    func page() {
        let page = ##"""
            # HELP gc_seconds A \"summary\" with \\ and \n and \x.
            # TYPE gc_seconds summary
            # UNIT gc_seconds seconds
            gc_seconds{quantile="0.5",a="b"} 8.3835e-05
            gc_seconds_count 2.0 # {id="1"} 1 123.321
            # TYPE go gauge
            go 33 123.123
            # TYPE hh histogram
            hh_bucket{le="+Inf"} 1 # {id="x",xx="y"} 4
            hh_created 1520430001
            # TYPE gh gaugehistogram
            gh_bucket{le="+Inf"} 1
            gh_gcount 2
            # TYPE foo counter
            foo_total 17.0 1520879607.789 # {id="t"} 5
            foo_created 1520872607.123
            foo 3
            # TYPE ii info
            ii_info{foo="bar"} 1
            # TYPE ss stateset
            ss{ss="foo"} -1
            # TYPE un unknown
            un nan -1.5
            {"http.s",q="0.9"} 1
            # EOF
            """##
        #expect(
            open(page) == [
                "# gc_seconds summary 'A \"summary\" with \\ and \n and \\x.' 'seconds'",
                "# go gauge '' ''", "# hh histogram '' ''", "# gh gaugehistogram '' ''", "# foo_total counter '' ''",
                "# foo untyped '' ''", "# ii info '' ''", "# ss stateset '' ''", "# un untyped '' ''",
                "# http.s untyped '' ''",
                #"gc_seconds{a="b",quantile="0.5"} 8.3835e-05"#, #"gc_seconds_count{} 2.0 # {id="1"} 1.0 @123321"#,
                "go{} 33.0 @123123", #"hh_bucket{le="+Inf"} 1.0 # {id="x",xx="y"} 4.0"#,
                "hh_created{} 1520430001.0", #"gh_bucket{le="+Inf"} 1.0"#, "gh_gcount{} 2.0",
                #"foo_total{} 17.0 @1520879607789 # {id="t"} 5.0"#, "foo_created{} 1520872607.123", "foo{} 3.0",
                #"ii_info{foo="bar"} 1.0"#, #"ss{ss="foo"} -1.0"#, "un{} NaN @-1500", #"http.s{q="0.9"} 1.0"#,
            ])
    }

    @Test("the end may lack its line feed, nothing may follow it", arguments: ["# EOF", "# EOF\n"])
    func end(_ page: String) { #expect(open(page) == []) }

    @Test(
        "what Prometheus refuses is refused",
        arguments: [
            "", "\n", "metric", "metric 1", "metric 1\n", "m_total 1 # {aa=\"bb\"} 4", "a\n#EOF\n", "\n\n#EOF\n",
            " a 1\n#EOF\n", "9\n#EOF\n", "# TYPE u untyped\n# EOF\n", "# TYPE c counter \n# EOF\n",
            "#  TYPE c counter\n# EOF\n", "# TYPE \n# EOF\n", "# TYPE m\n# EOF\n", "# UNIT metric suffix\n# EOF\n",
            "# UNIT metricsuffix suffix\n# EOF\n", "# UNIT m suffix\n# EOF\n", "# UNIT \n# EOF\n", "# UNIT m\n# EOF\n",
            "# HELP \n# EOF\n", "# HELP m\n# EOF\n", "a\t1\n# EOF\n", "a 1\t2\n# EOF\n", "a 1 2 \n# EOF\n",
            "a 1 2 #\n# EOF\n", "a 1 1z\n# EOF\n", " # EOF\n", "# EOF\na 1", "# EOF\n\n", "# EOFa 1",
            "#\tTYPE c counter\n# EOF\n", "# TYPE c  counter\n# EOF\n", "a 1 1 1\n# EOF\n", "a{b='c'} 1\n# EOF\n",
            "a{,b=\"c\"} 1\n# EOF\n", "a{b=\"c\"d=\"e\"} 1\n# EOF\n", "a{b=\"c\",,d=\"e\"} 1\n# EOF\n",
            "a{b=\n# EOF\n", "{\"a\",\"b = \"c\"}\n# EOF\n", "a true\n# EOF\n", "s{problem=\"\n# EOF\n",
            "e{=\"\"} 0\n# EOF\n", "{A}0\n# EOF\n", "foo 1_2\n# EOF\n", "foo 0x1p-3\n# EOF\n", "foo 0 1_2\n# EOF\n",
            "c_total 1 # {aa=bb}\n# EOF\n", "c_total 1 # {aa=\"bb\"}\n# EOF\n", "c_total 1 # {bb}\n# EOF\n",
            "c_total 1 # {bb, a=\"dd\"}\n# EOF\n", "c_total 1 # {aa=\"bb\",,cc=\"dd\"} 1\n# EOF\n",
            "c_total 1 # {aa=\"bb\"} 1_2\n# EOF\n", "c_total 1 # {aa=\"bb\"} true\n# EOF\n",
            "c_total 1 # {aa=\"bb\",cc=}\n# EOF\n", "{b=\"c\",} 1\n# EOF\n", "a 1 NaN\n# EOF\n", "a 1 -Inf\n# EOF\n",
            "h_bucket{le=\"1\"} 1 # {aa=\"bb\"} 4 NaN\n# EOF\n", "a{b=\"c\", d=\"e\"} 1\n# EOF\n",
            "a{b=\"x\ny\"} 1\n# EOF\n", "# comment\n# EOF\n", "a 1 # {\"x\"} 1\n# EOF\n", "a 1 \n# EOF\n",
            "a 1 1e17\n# EOF\n",
        ])
    func errors(_ page: String) {
        let lines = open(page)
        #expect(lines.count == 1 && lines[0].hasPrefix("error: "), "\(page) gave \(lines)")
    }

    @Test("errors tell the place")
    func places() {
        #expect(
            open("a 1\nb 2 x\n# EOF\n") == [#"error: line 2, column 5: expected a timestamp in seconds, found "x""#])
        #expect(open("a 1\n") == ["error: line 2, column 1: expected # EOF, found the end"])
    }
}
