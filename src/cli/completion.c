// SPDX-License-Identifier: Apache-2.0
/*
 * papi completion: the script that teaches a shell to complete papi.
 *
 * The scripts know nothing of the commands: they hand the words to `papi complete` and offer what it says, so they need not change
 * when the commands do. bash cuts words at ":" and "=", so its script puts them together again and cuts its answers alike.
 * Leaves to others: what may stand where (complete.c).
 */
#include "cli/cli.h"

#include "base/check.h"

static const char bash[] =
    "# Completion of papi for bash: eval \"$(papi completion bash)\"\n"
    "_papi() {\n"
    "    local rest=${COMP_LINE:0:COMP_POINT} words=() word lead line current cut i\n"
    "    for ((i = 0; i <= COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        lead=${rest%%[![:space:]]*}\n"
    "        rest=${rest:${#lead}}\n"
    "        if ((i == COMP_CWORD)); then\n"
    "            word=$rest\n"
    "        fi\n"
    "        if ((i > 0)) && [[ -z $lead ]]; then\n"
    "            words[${#words[@]} - 1]+=$word\n"
    "        else\n"
    "            words+=(\"$word\")\n"
    "        fi\n"
    "        rest=${rest:${#word}}\n"
    "    done\n"
    "    current=${words[${#words[@]} - 1]}\n"
    "    cut=${current%\"${current##*[:=]}\"}\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r line; do\n"
    "        case $line in\n"
    "            :file | :directory)\n"
    "                compopt -o filenames 2>/dev/null\n"
    "                local kind=-f\n"
    "                [[ $line == :directory ]] && kind=-d\n"
    "                while IFS= read -r line; do\n"
    "                    COMPREPLY+=(\"$line\")\n"
    "                done < <(compgen $kind -- \"${current##*[:=]}\")\n"
    "                ;;\n"
    "            *)\n"
    "                line=${line%%$'\\t'*}\n"
    "                COMPREPLY+=(\"${line#\"$cut\"}\")\n"
    "                ;;\n"
    "        esac\n"
    "    done < <(\"${words[0]}\" complete -- \"${words[@]:1}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _papi papi\n";

static const char zsh[] =
    "#compdef papi\n"
    "# Completion of papi for zsh: eval \"$(papi completion zsh)\", or as _papi in a folder of "
    "$fpath\n"
    "_papi() {\n"
    "    local line name\n"
    "    local -a found given\n"
    "    given=(\"${(@)words[2,CURRENT - 1]}\" \"$PREFIX\")\n"
    "    for line in ${(f)\"$(\"$words[1]\" complete -- \"${(@)given}\" 2>/dev/null)\"}; do\n"
    "        case $line in\n"
    "            :file | :directory)\n"
    "                [[ $PREFIX == -*=* ]] && compset -P '*='\n"
    "                [[ $line == :file ]] && _files || _files -/\n"
    "                ;;\n"
    "            *)\n"
    "                name=${line%%$'\\t'*}\n"
    "                found+=(\"${name//:/\\\\:}:${line#*$'\\t'}\")\n"
    "                ;;\n"
    "        esac\n"
    "    done\n"
    "    (( $#found )) && _describe -V papi found\n"
    "}\n"
    "if [[ $funcstack[1] == _papi ]]; then\n"
    "    _papi \"$@\"\n"
    "else\n"
    "    compdef _papi papi\n"
    "fi\n";

static const char fish[] =
    "# Completion of papi for fish: papi completion fish | source\n"
    "function __papi_complete\n"
    "    set -l given (commandline -opc)\n"
    "    set -l current (commandline -ct)\n"
    "    for line in ($given[1] complete -- $given[2..] \"$current\" 2>/dev/null)\n"
    "        switch $line\n"
    "            case ':file'\n"
    "                __fish_complete_path \"$current\"\n"
    "            case ':directory'\n"
    "                __fish_complete_directories \"$current\" ''\n"
    "            case '*'\n"
    "                echo $line\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c papi -f -a '(__papi_complete)'\n";

static const struct {
    const char *shell, *script;
} scripts[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

static int run(const struct cli_command *command, int argc, char **argv) {
    struct cli_operands operands;
    enum cli_parsed parsed = cli_parse(command, argc, argv, NULL, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    for (size_t i = 0; i < array_length(scripts); i++)
        if (strcmp(scripts[i].shell, operands.items[0]) == 0)
            (void)fputs(scripts[i].script, stdout);
    return CLI_DONE;
}

const struct cli_command cli_completion = {
    .name = "completion",
    .operands = "bash|zsh|fish",
    .line = "the script that completes papi in a shell",
    .about = "  bash   eval \"$(papi completion bash)\"      in ~/.bashrc\n"
             "  zsh    eval \"$(papi completion zsh)\"       in ~/.zshrc, after compinit\n"
             "  fish   papi completion fish | source       in ~/.config/fish/config.fish\n"
             "Names of models, providers, clients and requests come from the running PAPI.",
    .run = run,
};
