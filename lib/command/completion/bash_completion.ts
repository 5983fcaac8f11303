/**
 * The completion library's own script for bash passes the line to `eval`: a TAB would run `$(…)`
 * and empty the file behind a `>`. It also needs the package bash-completion. Names in anklume
 * contain no blanks: a line is split at blanks.
 */
export const BASH_COMPLETION = String
  .raw`# bash completion for anklume: needs no other package, and runs nothing that is typed

__anklume_complete() {
    local line=${"$"}{COMP_LINE:0:COMP_POINT} words=() cur text prefix='' value rest
    IFS=$' \t\n' read -r -d '' -a words <<<"$line"
    if [[ $line == *[[:space:]] ]]; then words+=(''); fi
    # Removes variables that are set before the command.
    while ((${"$"}{#words[@]} > 1)) && [[ ${"$"}{words[0]} != "$1" ]]; do words=("${"$"}{words[@]:1}"); done
    cur=${"$"}{words[${"$"}{#words[@]} - 1]#[\"\']}
    words[${"$"}{#words[@]} - 1]=$cur
    text=$cur
    if [[ $cur == -*=* ]]; then
        text=${"$"}{cur#*=}
        if [[ $COMP_WORDBREAKS != *=* ]]; then prefix=${"$"}{cur%%=*}=; fi
    fi
    COMPREPLY=()
    while IFS=$'\t' read -r value rest; do
        if [[ -z $value || $value == :* || $value != "$text"* ]]; then continue; fi
        # The rest is a path in the machine.
        if [[ $value == "$text" && $text == *: ]]; then continue; fi
        # bash starts a new word after a colon.
        if [[ $text == *:* && $COMP_WORDBREAKS == *:* ]]; then value=${"$"}{value#"${"$"}{text%"${"$"}{text##*:}"}"}; fi
        COMPREPLY+=("$prefix$value")
    done < <(anklume complete -- "${"$"}{words[@]:1}" 2>/dev/null)
    if [[ ${"$"}{COMPREPLY[*]} == *: ]]; then compopt -o nospace; fi
    # The other argument of copy is a file.
    if [[ ${"$"}{words[1]} == copy && ${"$"}{#COMPREPLY[@]} == 0 && $cur != *:* ]]; then compopt -o default; fi
}

complete -F __anklume_complete anklume
`;
