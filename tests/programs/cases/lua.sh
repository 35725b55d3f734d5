cat >case.lua <<'END'
local t = {}
for i = 1, 300000 do t[i] = (i * 7919) % 1000003 end
table.sort(t)
print(t[1], t[150000], t[300000])
local words = {}
for w in string.rep("the quick brown fox ", 20000):gmatch("%a+") do words[w] = (words[w] or 0) + 1 end
print(words.the, words.fox)
local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
print(co(), co(), co())
for i = 1, 200000 do local garbage = { i, tostring(i) } end
collectgarbage()
local pipe = io.popen("echo from a shell")
print(pipe:read("a"))
print(pcall(error, "caught"))
os.exit(6)
END
lua5.4 case.lua
